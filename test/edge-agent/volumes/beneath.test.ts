/** What a container can do in its volume must not lead the agent out of it. */
import { mkdir, mkdtemp, readFile, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { openBeneath, placeOf, readBeneath } from "../../../edge-agent/volumes/beneath.ts";

const linux = process.platform === "linux" ? test : test.skip;

async function volume(t: ExecutionContext): Promise<{ readonly root: string; readonly outside: string }> {
  const base = await mkdtemp(join(tmpdir(), "lichen-beneath-"));
  t.teardown(() => rm(base, { recursive: true, force: true }));
  const [root, outside] = [join(base, "volume"), join(base, "outside")];
  await mkdir(root);
  await mkdir(outside);
  await writeFile(join(outside, "secret"), "secret");
  return { root, outside };
}

linux("missing directories are made with the mode that was asked for", async (t) => {
  const { root } = await volume(t);
  const place = await openBeneath(root, "a/b/c", 0o2775);
  t.is(await realpath(placeOf(place)), join(await realpath(root), "a/b/c"));
  await place.close();
  t.is((await stat(join(root, "a/b"))).mode & 0o7777, 0o2775);
});

linux("links inside the volume may be followed, links out of it not", async (t) => {
  const { root, outside } = await volume(t);
  await mkdir(join(root, "data"));
  await writeFile(join(root, "data", "file"), "inside");
  await symlink("data", join(root, "link"));
  await symlink(outside, join(root, "absolute"));
  await symlink("../outside", join(root, "relative"));
  await symlink("../nowhere", join(root, "dangling"));
  t.is(await readBeneath(root, "link/file", 100), "inside");
  for (const path of ["absolute", "absolute/secret", "relative/secret", "data/../../outside/secret"]) await t.throwsAsync(openBeneath(root, path, 0o755), { message: /leaves the volume/ }, path);
  await t.throwsAsync(openBeneath(root, "dangling/x", 0o755));
  t.is(await stat(join(outside, "..", "nowhere")).catch(() => "absent"), "absent");
});

linux("an opened place stays the same whatever its name leads to later", async (t) => {
  const { root, outside } = await volume(t);
  await mkdir(join(root, "data"));
  await writeFile(join(root, "data", "secret"), "harmless");
  const place = await openBeneath(root, "data");
  await rm(join(root, "data"), { recursive: true });
  await symlink(outside, join(root, "data"));
  await t.throwsAsync(readFile(join(placeOf(place), "secret"), "utf8"), { code: "ENOENT" });
  await place.close();
});

linux("files: absent, too large, or no files", async (t) => {
  const { root } = await volume(t);
  await writeFile(join(root, "large"), "x".repeat(101));
  t.is(await readBeneath(root, "none", 100), undefined);
  await t.throwsAsync(readBeneath(root, "large", 100), { message: /larger than 100 bytes/ });
  await t.throwsAsync(readBeneath(root, ".", 100), { message: /no regular file/ });
});

linux("no path of names, dots and links leads out", async (t) => {
  const { root, outside } = await volume(t);
  await mkdir(join(root, "d"));
  await symlink("..", join(root, "up"));
  await symlink(outside, join(root, "out"));
  await symlink("d", join(root, "in"));
  const inside = await realpath(root);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom("d", "in", "up", "out", "..", ".", "new"), { minLength: 1, maxLength: 6 }), async (names) => {
      const place = await openBeneath(root, names.join("/"), 0o755).catch(() => undefined);
      if (place === undefined) return;
      const reached = await realpath(placeOf(place));
      await place.close();
      if (reached !== inside && !reached.startsWith(`${inside}/`)) throw new Error(`${names.join("/")} reached ${reached}`);
    }),
    { numRuns: 200 },
  );
  t.pass();
});

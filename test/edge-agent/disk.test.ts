import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { replaceFile } from "../../edge-agent/disk.ts";

test("writers of one file take turns, the last one wins, and nothing is left aside", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "lichen-disk-"));
  t.teardown(() => rm(directory, { recursive: true }));
  const file = join(directory, "state.json");
  await Promise.all(Array.from({ length: 20 }, (_, index) => replaceFile(file, `${index}`)));
  t.is(await readFile(file, "utf8"), "19");
  t.deepEqual(await readdir(directory), ["state.json"]);
});

test("a write that fails does not keep the next one from the disk", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "lichen-disk-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, "missing", "state.json");
  await t.throwsAsync(replaceFile(file, "1"), { code: "ENOENT" });
  await t.throwsAsync(replaceFile(file, "2"), { code: "ENOENT" });
});

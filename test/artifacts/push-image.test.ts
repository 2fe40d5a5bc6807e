import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { ociRegistry } from "../../core/artifacts/registry.ts";
import { pushImage } from "../../core/artifacts/push-image.ts";
import type { Send } from "../../core/artifacts/push.ts";
import { readTar } from "../../core/artifacts/tar.ts";
import { anonymous } from "../../core/api/user.ts";
import { ociArchive, tar } from "../../edge-agent/runtimes/containerd/oci-archive.ts";

const platform = (architecture: "amd64" | "arm64") => ({ architecture, files: [{ path: "bin", kind: "directory" as const }, { path: "bin/sh", data: Buffer.from(architecture) }] });
const archive = ociArchive({ reference: "example.com/shell:1", config: { Cmd: ["sh"] }, platforms: [platform("amd64"), platform("arm64")] });

test("an image archive arrives whole, with all its platforms", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "lichen-push-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const registry = ociRegistry({ directory });
  const send: Send = async (method, path, options = {}) => {
    const body = options.body === undefined ? null : new Uint8Array(options.body);
    const answer = await registry.handle(new Request(`https://registry${path}`, { method, ...(options.headers === undefined ? {} : { headers: options.headers }), body }), anonymous);
    return { status: answer.status, headers: (name) => answer.headers.get(name) ?? undefined, body: new Uint8Array(await answer.arrayBuffer()) };
  };
  const { image, digest } = await pushImage({ archive, name: "shell:1", send });
  t.is(image, "registry.lichen.internal/shell:1");
  const stored = await registry.manifest("shell", "1");
  t.is(stored?.digest, digest);
  const index = JSON.parse(Buffer.from(stored?.bytes ?? []).toString("utf8")) as { manifests: { platform: { architecture: string } }[] };
  t.deepEqual(index.manifests.map((one) => one.platform.architecture), ["amd64", "arm64"]);
});

test("a damaged archive is refused before anything is pushed", async (t) => {
  const never: Send = () => Promise.reject(new Error("something was sent"));
  const damaged = Buffer.from(archive);
  const at = damaged.indexOf('{"schemaVersion":2', 2048);
  damaged[at + 20] = 0x20;
  await t.throwsAsync(pushImage({ archive: damaged, name: "shell:1", send: never }), { message: /damaged|lacks|JSON/ });
  await t.throwsAsync(pushImage({ archive: archive.subarray(0, 5000), name: "shell:1", send: never }), { message: /archive/ });
  await t.throwsAsync(pushImage({ archive: tar([{ path: "file" }]), name: "shell:1", send: never }), { message: /no OCI image layout/ });
});

test("files of an archive are found under their names", (t) => {
  const files = readTar(tar([{ path: "a/b", data: Buffer.from("x") }, { path: "dir", kind: "directory" }, { path: "c", data: Buffer.alloc(513, 1) }]));
  t.deepEqual([...files.keys()], ["a/b", "c"]);
  t.is(files.get("c")?.length, 513);
});

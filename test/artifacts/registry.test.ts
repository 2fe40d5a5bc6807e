import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import type { User } from "../../core/api/user.ts";
import { IMAGE_INDEX, IMAGE_MANIFEST } from "../../core/artifacts/manifest.ts";
import { ociRegistry } from "../../core/artifacts/registry.ts";

const user: User = { name: "pusher", groups: [] };
const digestOf = (bytes: Uint8Array | string) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

function started(t: ExecutionContext) {
  const directory = mkdtempSync(join(tmpdir(), "registry-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const registry = ociRegistry({ directory });
  const call = (method: string, path: string, body?: Uint8Array | string, headers: Record<string, string> = {}) =>
    registry.handle(new Request(`https://registry.lichen.internal${path}`, { method, headers, ...(body === undefined ? {} : { body: typeof body === "string" ? body : new Uint8Array(body) }) }), user);
  const push = async (name: string, bytes: Uint8Array | string) => {
    const digest = digestOf(bytes);
    const answer = await call("POST", `/v2/${name}/blobs/uploads/?digest=${digest}`, bytes);
    t.is(answer.status, 201);
    return { mediaType: "application/octet-stream", digest, size: Buffer.from(bytes).length };
  };
  const pushManifest = async (name: string, version: string, manifest: object, type = IMAGE_MANIFEST) => {
    const body = JSON.stringify(manifest);
    const answer = await call("PUT", `/v2/${name}/manifests/${version}`, body, { "content-type": type });
    return { answer, descriptor: { mediaType: type, digest: digestOf(body), size: body.length }, body };
  };
  return { directory, registry, call, push, pushManifest };
}

const errorOf = async (response: Response) => ((await response.json()) as { errors: { code: string; message: string }[] }).errors[0];

test("a blob comes back whole, in part, and not through another repository", async (t) => {
  const { call, push } = started(t);
  const bytes = randomBytes(100_000);
  const { digest } = await push("a/b", bytes);
  const whole = await call("GET", `/v2/a/b/blobs/${digest}`);
  t.deepEqual(Buffer.from(await whole.arrayBuffer()), bytes);
  t.is(whole.headers.get("docker-content-digest"), digest);
  const part = await call("GET", `/v2/a/b/blobs/${digest}`, undefined, { range: "bytes=10-19" });
  t.is(part.status, 206);
  t.is(part.headers.get("content-range"), "bytes 10-19/100000");
  t.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(10, 20));
  const tail = await call("GET", `/v2/a/b/blobs/${digest}`, undefined, { range: "bytes=-5" });
  t.deepEqual(Buffer.from(await tail.arrayBuffer()), bytes.subarray(-5));
  t.is((await call("GET", `/v2/a/b/blobs/${digest}`, undefined, { range: "bytes=100000-" })).status, 416);
  t.is((await call("HEAD", `/v2/other/blobs/${digest}`)).status, 404);
});

test("chunks are accepted in order only, and a wrong digest is refused", async (t) => {
  const { call } = started(t);
  const begun = await call("POST", "/v2/app/blobs/uploads/");
  t.is(begun.status, 202);
  const location = begun.headers.get("location") ?? "";
  t.is((await call("PATCH", location, "hello ", { "content-range": "0-5" })).status, 202);
  const early = await call("PATCH", location, "!", { "content-range": "9-9" });
  t.is(early.status, 416);
  t.is((await errorOf(early))?.code, "BLOB_UPLOAD_INVALID");
  t.is((await call("GET", location)).headers.get("range"), "0-5");
  const wrong = await call("PUT", `${location}?digest=${digestOf("else")}`, "world");
  t.is((await errorOf(wrong))?.code, "DIGEST_INVALID");
  const done = await call("PUT", `${location}?digest=${digestOf("hello world")}`);
  t.is(done.status, 201);
  t.is(await (await call("GET", `/v2/app/blobs/${digestOf("hello world")}`)).text(), "hello world");
});

test("a blob is mounted from another repository without a second upload", async (t) => {
  const { call, push } = started(t);
  const { digest } = await push("from", "shared");
  t.is((await call("POST", `/v2/to/blobs/uploads/?mount=${digest}&from=from`)).status, 201);
  t.is(await (await call("GET", `/v2/to/blobs/${digest}`)).text(), "shared");
  t.is((await call("POST", `/v2/to/blobs/uploads/?mount=${digestOf("absent")}&from=from`)).status, 202);
});

test("a manifest is accepted when all it names is there", async (t) => {
  const { call, push, pushManifest } = started(t);
  const config = await push("app", "{}");
  const missing = { ...config, digest: digestOf("missing") };
  const refused = await pushManifest("app", "1", { schemaVersion: 2, config, layers: [missing] });
  t.is((await errorOf(refused.answer))?.code, "MANIFEST_BLOB_UNKNOWN");
  const { answer, descriptor, body } = await pushManifest("app", "1", { schemaVersion: 2, config, layers: [config] });
  t.is(answer.status, 201);
  for (const version of ["1", descriptor.digest]) {
    const got = await call("GET", `/v2/app/manifests/${version}`);
    t.is(got.headers.get("content-type"), IMAGE_MANIFEST);
    t.is(await got.text(), body);
  }
  const index = await pushManifest("app", "all", { schemaVersion: 2, manifests: [descriptor] }, IMAGE_INDEX);
  t.is(index.answer.status, 201);
  t.is((await errorOf((await pushManifest("app", "bad", { schemaVersion: 1 })).answer))?.code, "MANIFEST_INVALID");
  t.is((await errorOf(await call("GET", "/v2/app/manifests/none")))?.code, "MANIFEST_UNKNOWN");
});

test("tags are listed in pages", async (t) => {
  const { call, push, pushManifest } = started(t);
  const config = await push("app", "{}");
  for (const tag of ["c", "a", "b"]) await pushManifest("app", tag, { schemaVersion: 2, config, layers: [] });
  const first = await call("GET", "/v2/app/tags/list?n=2");
  t.deepEqual(await first.json(), { name: "app", tags: ["a", "b"] });
  t.is(first.headers.get("link"), '</v2/app/tags/list?n=2&last=b>; rel="next"');
  t.deepEqual(await (await call("GET", "/v2/app/tags/list?n=2&last=b")).json(), { name: "app", tags: ["c"] });
  t.is((await errorOf(await call("GET", "/v2/absent/tags/list")))?.code, "NAME_UNKNOWN");
});

test("what refers to a manifest is found by it", async (t) => {
  const { call, push, pushManifest } = started(t);
  const config = await push("app", "{}");
  const { descriptor } = await pushManifest("app", "1", { schemaVersion: 2, config, layers: [] });
  const signature = await pushManifest("app", "sig", { schemaVersion: 2, config, layers: [], artifactType: "application/x-signature", subject: descriptor });
  t.is(signature.answer.headers.get("oci-subject"), descriptor.digest);
  const found = (await (await call("GET", `/v2/app/referrers/${descriptor.digest}`)).json()) as { manifests: { digest: string }[] };
  t.deepEqual(found.manifests.map(({ digest }) => digest), [signature.descriptor.digest]);
  const none = (await (await call("GET", `/v2/app/referrers/${descriptor.digest}?artifactType=other`)).json()) as { manifests: unknown[] };
  t.deepEqual(none.manifests, []);
});

test("garbage is what no tag reaches and is not young", async (t) => {
  const { call, push, pushManifest, registry } = started(t);
  const config = await push("app", "{}");
  const old = await push("app", "old layer");
  const kept = await push("app", "kept layer");
  await pushManifest("app", "1", { schemaVersion: 2, config, layers: [old] });
  await pushManifest("app", "1", { schemaVersion: 2, config, layers: [kept] });
  t.deepEqual(await registry.collectGarbage(0), { manifests: 0, blobs: 0, uploads: 0 });
  const { manifests, blobs } = await registry.collectGarbage(Date.now() + 60_000);
  t.is(manifests, 1);
  t.is(blobs, 2);
  t.is((await call("GET", `/v2/app/blobs/${old.digest}`)).status, 404);
  t.is((await call("GET", `/v2/app/blobs/${kept.digest}`)).status, 200);
  t.is((await call("GET", "/v2/app/manifests/1")).status, 200);
});

test("a damaged blob is detected, not served as a manifest", async (t) => {
  const { call, push, pushManifest, directory } = started(t);
  const config = await push("app", "{}");
  const { descriptor } = await pushManifest("app", "1", { schemaVersion: 2, config, layers: [] });
  truncateSync(join(directory, "blobs", descriptor.digest.slice(7)), 10);
  t.is((await errorOf(await call("GET", "/v2/app/manifests/1")))?.code, "DIGEST_INVALID");
});

test("a half-written upload of a crash is no blob", async (t) => {
  const { directory, registry } = started(t);
  await registry.manifest("app", "1");
  writeFileSync(join(directory, "uploads", "00000000-0000-4000-8000-000000000000"), "half");
  t.is((await registry.collectGarbage(Date.now() + 60_000)).uploads, 1);
  t.deepEqual(readdirSync(join(directory, "blobs")), []);
});

test("names that could leave the directory are refused", async (t) => {
  const { call } = started(t);
  for (const name of ["..", "a/../b", "A", "_blobs", "a//b", "a/_tags", `${"a".repeat(300)}`]) {
    const answer = await call("GET", `/v2/${encodeURI(name)}/manifests/1`);
    t.true([400, 404].includes(answer.status), name);
  }
  t.is((await call("GET", "/v2/a/blobs/sha256:..%2f..")).status, 400);
  t.is((await call("PATCH", "/v2/a/blobs/uploads/..%2fx", "x")).status, 404);
});

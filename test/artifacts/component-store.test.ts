import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import test from "ava";
import type { ExecutionContext } from "ava";
import { systemClock } from "../../core/api/clock.ts";
import { silentLog } from "../../core/api/log.ts";
import type { Status } from "../../core/api/status.ts";
import { componentStore } from "../../core/artifacts/component-store.ts";
import type { Transpile } from "../../core/artifacts/component-store.ts";
import { modulesHandler } from "../../core/artifacts/modules-http.ts";
import { ociClient } from "../../core/artifacts/oci-client.ts";
import { pushComponent } from "../../core/artifacts/push.ts";
import type { Send } from "../../core/artifacts/push.ts";
import type { RegistriesConfig } from "../../core/artifacts/registries.ts";
import { ociRegistry } from "../../core/artifacts/registry.ts";
import { ComponentError } from "../../wasm-runtime/transpile.ts";

const user = { name: "device", groups: [] };
const digestOf = (bytes: Uint8Array | string) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
/** A component's preamble and something that makes it unlike others. */
const component = (text: string) => Buffer.concat([Buffer.from("0061736d0d000100", "hex"), Buffer.from(text)]);
const created = "2026-01-01T00:00:00Z";

function started(t: ExecutionContext, transpile: Transpile, registries: RegistriesConfig = {}) {
  const directory = mkdtempSync(join(tmpdir(), "components-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const registry = ociRegistry({ directory: join(directory, "registry") });
  const open = () =>
    componentStore({ directory: join(directory, "modules"), registry, client: ociClient(registries), transpile, transpiler: "test-1", sign: (of) => `${of.componentDigest} ${of.moduleDigest}`, log: silentLog });
  const send: Send = async (method, path, { headers = {}, body } = {}) => {
    const answer = await registry.handle(new Request(`https://x${path}`, { method, headers: { ...headers }, ...(body === undefined ? {} : { body: new Uint8Array(body) }) }), user);
    return { status: answer.status, headers: (name) => answer.headers.get(name) ?? undefined, body: new Uint8Array(await answer.arrayBuffer()) };
  };
  return { registry, open, send, directory };
}

function counting(): Transpile & { calls: number } {
  const transpile = (bytes: Uint8Array) => {
    counted.calls++;
    return Promise.resolve({ bytes: Buffer.concat([Buffer.from("module of "), bytes]), header: { world: "http" as const, imports: ["wasi:http/types@0.2.0"] } });
  };
  const counted = Object.assign(transpile, { calls: 0 });
  return counted;
}

test("a pushed component becomes one signed module, once, also after a restart", async (t) => {
  const transpile = counting();
  const { open, send } = started(t, transpile);
  const { image } = await pushComponent({ component: component("one"), name: "app:1", send, created });
  t.is(image, "registry.lichen.internal/app:1");
  const store = open();
  const [first, second] = await Promise.all([store.moduleFor(image), store.moduleFor(image)]);
  t.deepEqual(first, second);
  t.is(first.componentDigest, digestOf(component("one")));
  t.is(first.signature, `${first.componentDigest} ${first.moduleDigest}`);
  const bytes = await store.module(first.moduleDigest);
  t.is(digestOf(bytes ?? ""), first.moduleDigest);
  t.deepEqual(await open().moduleFor(image), first);
  t.is(transpile.calls, 1);
});

test("a module that was damaged on disk is not given out, and made again", async (t) => {
  const transpile = counting();
  const { open, send, directory } = started(t, transpile);
  const { image } = await pushComponent({ component: component("one"), name: "app:1", send, created });
  const store = open();
  const { moduleDigest } = await store.moduleFor(image);
  const path = join(directory, "modules", "modules", moduleDigest.slice("sha256:".length));
  const bytes = readFileSync(path);
  bytes[3] = (bytes[3] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  t.is(await store.module(moduleDigest), undefined);
  t.is((await store.moduleFor(image)).moduleDigest, moduleDigest);
  t.not(await store.module(moduleDigest), undefined);
  t.is(transpile.calls, 2);
});

test("one tag carries a container image and a component", async (t) => {
  const { open, send, registry } = started(t, counting());
  const config = Buffer.from('{"architecture":"arm64","os":"linux"}');
  const put = (path: string, body: Uint8Array, type: string) => send("PUT", path, { body, headers: { "content-type": type } });
  await registry.handle(new Request(`https://x/v2/app/blobs/uploads/?digest=${digestOf(config)}`, { method: "POST", body: new Uint8Array(config) }), user);
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(config), size: config.length }, layers: [] }));
  await put("/v2/app/manifests/1", manifest, "application/vnd.oci.image.manifest.v1+json");

  const store = open();
  await t.throwsAsync(store.moduleFor("registry.lichen.internal/app:1"), { message: /container image without a WebAssembly layer/ });
  await pushComponent({ component: component("wasm form"), name: "app:1", send, index: true, created });
  t.is((await store.moduleFor("registry.lichen.internal/app:1")).componentDigest, digestOf(component("wasm form")));
  await pushComponent({ component: component("newer"), name: "app:1", send, index: true, created });
  t.is((await store.moduleFor("registry.lichen.internal/app:1")).componentDigest, digestOf(component("newer")));

  const index = JSON.parse(Buffer.from((await send("GET", "/v2/app/manifests/1")).body).toString()) as { manifests: { platform: unknown }[] };
  t.deepEqual(index.manifests.map(({ platform }) => platform), [{ architecture: "arm64", os: "linux" }, { architecture: "wasm", os: "wasip2" }]);
});

test("what is no component is refused before it is pushed", async (t) => {
  const { send } = started(t, counting());
  const push = (bytes: Uint8Array, name = "app:1") => pushComponent({ component: bytes, name, send, created });
  await t.notThrowsAsync(push(Buffer.from("0061736d01000000", "hex")));
  await t.throwsAsync(push(Buffer.from("#!/bin/sh")), { message: /not a WebAssembly component/ });
  await t.throwsAsync(push(component("x"), "App:1"), { message: /NAME:TAG/ });
});

test("devices get descriptors and bundles, or a Status that says what is wrong", async (t) => {
  let calls = 0;
  const { open, send } = started(t, () => {
    calls++;
    return Promise.reject(new ComponentError("UnsupportedImport", "the component imports acme:gpio/pins"));
  });
  const handle = modulesHandler({ store: open(), clock: systemClock });
  const get = (path: string, headers: Record<string, string> = {}) => handle(new Request(`https://server${path}`, { headers }), user);
  const status = async (path: string) => (await (await get(path)).json()) as Status;

  const { image } = await pushComponent({ component: component("gpio"), name: "app:1", send, created });
  const refused = await status(`/lichen/v1/modules?image=${image}`);
  t.is(refused.code, 422);
  t.regex(refused.message ?? "", /acme:gpio\/pins/);
  t.is((await status(`/lichen/v1/modules?image=${image}`)).code, 422);
  t.is(calls, 1);
  t.is((await status("/lichen/v1/modules?image=registry.lichen.internal/absent:1")).code, 404);
  t.is((await status("/lichen/v1/modules?image=NOT%20A%20NAME")).code, 400);
  t.is((await status("/lichen/v1/modules")).code, 400);
  t.is((await status(`/lichen/v1/modules/${digestOf("absent")}`)).code, 404);
  t.is((await status("/lichen/v1/modules/..%2f..%2fpasswd")).code, 404);
  const secret = await get(`/lichen/v1/modules?image=${image}`, { "x-registry-auth": "c2VjcmV0" });
  t.is(secret.status, 400);
  t.notRegex(await secret.text(), /secret/i);
});

test("bundles travel compressed to devices that ask for it", async (t) => {
  const { open, send } = started(t, counting());
  const store = open();
  const handle = modulesHandler({ store, clock: systemClock });
  const { image } = await pushComponent({ component: component("z".repeat(10_000)), name: "app:1", send, created });
  const { moduleDigest } = await store.moduleFor(image);
  const plain = await handle(new Request(`https://server/lichen/v1/modules/${moduleDigest}`), user);
  t.is(digestOf(Buffer.from(await plain.arrayBuffer())), moduleDigest);
  const packed = await handle(new Request(`https://server/lichen/v1/modules/${moduleDigest}`, { headers: { "accept-encoding": "gzip" } }), user);
  t.is(packed.headers.get("content-encoding"), "gzip");
  t.true((await packed.arrayBuffer()).byteLength < 1000);
});

test("a component that takes long is answered with Retry-After, and is there later", async (t) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { open, send } = started(t, async (bytes) => {
    await held;
    return { bytes, header: { world: "command", imports: [] } };
  });
  const { image } = await pushComponent({ component: component("slow"), name: "app:1", send, created });
  // the server's patience: over at once, later without end
  let patient = false;
  const after = (_ms: number, callback: () => void) => {
    if (!patient) setImmediate(callback);
    return () => {};
  };
  const handle = modulesHandler({ store: open(), clock: { ...systemClock, after } });
  const get = () => handle(new Request(`https://server/lichen/v1/modules?image=${image}`), user);
  const busy = await get();
  t.is(busy.status, 503);
  t.is(busy.headers.get("retry-after"), "2");
  release();
  patient = true;
  t.is((await get()).status, 200);
});

/** Another registry: token authentication in front of our own implementation. */
async function remote(t: ExecutionContext, password: string) {
  const { registry } = started(t, counting());
  const forward = async (url: URL, response: ServerResponse) => {
    const answer = await registry.handle(new Request(url), user);
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "/", `http://${request.headers.host}`);
    if (url.pathname === "/token") {
      const given = Buffer.from((request.headers.authorization ?? "").slice("Basic ".length), "base64").toString();
      response.end(JSON.stringify({ token: given === `user:${password}` ? "good" : "anonymous" }));
    } else if (request.headers.authorization !== "Bearer good") {
      response.writeHead(401, { "www-authenticate": `Bearer realm="http://${request.headers.host}/token",service="test"` });
      response.end();
    } else {
      void forward(url, response);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  const send: Send = async (method, path, { headers = {}, body } = {}) => {
    const answer = await registry.handle(new Request(`https://x${path}`, { method, headers: { ...headers }, ...(body === undefined ? {} : { body: new Uint8Array(body) }) }), user);
    return { status: answer.status, headers: (name) => answer.headers.get(name) ?? undefined, body: new Uint8Array(await answer.arrayBuffer()) };
  };
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, send };
}

test("a component is pulled from another registry with the pod's secret", async (t) => {
  const { host, send } = await remote(t, "right");
  await pushComponent({ component: component("remote"), name: "team/app:1", send, created });
  const store = started(t, counting(), { plainHttp: [host] }).open();
  const image = `${host}/team/app:1`;
  t.is((await t.throwsAsync(store.moduleFor(image)) as Error & { reason: string }).reason, "Forbidden");
  t.is((await t.throwsAsync(store.moduleFor(image, [{ username: "user", password: "wrong" }])) as Error & { reason: string }).reason, "Forbidden");
  const found = await store.moduleFor(image, [{ username: "other", password: "x" }, { username: "user", password: "right" }]);
  t.is(found.componentDigest, digestOf(component("remote")));
  t.is((await t.throwsAsync(store.moduleFor(`${host}/team/none:1`, [{ username: "user", password: "right" }])) as Error & { reason: string }).reason, "NotFound");
});

test("mirrors are asked first, and the server's own credentials last", async (t) => {
  const { host, send } = await remote(t, "right");
  await pushComponent({ component: component("mirrored"), name: "team/app:1", send, created });
  const credentials = { "registry.example": { username: "user", password: "right" } };
  const mirrors = { "registry.example": ["http://127.0.0.1:1", `http://${host}`] };
  const found = await started(t, counting(), { plainHttp: [host, "127.0.0.1:1"], mirrors, credentials }).open().moduleFor("registry.example/team/app:1");
  t.is(found.componentDigest, digestOf(component("mirrored")));
  const pinned = `registry.example/team/app:1@sha256:${"0".repeat(64)}`;
  await t.throwsAsync(started(t, counting(), { plainHttp: [host], mirrors: { "registry.example": [`http://${host}`] }, credentials, }).open().moduleFor(pinned));
});

test("a digest pins: another content under the tag is not taken", async (t) => {
  const { open, send } = started(t, counting());
  const first = await pushComponent({ component: component("first"), name: "app:1", send, created });
  await pushComponent({ component: component("second"), name: "app:1", send, created });
  const store = open();
  t.is((await store.moduleFor(`registry.lichen.internal/app:1@${first.digest}`)).componentDigest, digestOf(component("first")));
  t.is((await store.moduleFor("registry.lichen.internal/app:1")).componentDigest, digestOf(component("second")));
});

/** A tar archive with these files (ustar, sizes and types only). */
function tarOf(files: Readonly<Record<string, Uint8Array>>): Buffer {
  const parts = Object.entries(files).flatMap(([name, data]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(data.length.toString(8).padStart(11, "0"), 124);
    header.write("0", 156);
    return [header, Buffer.from(data), Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

test("a component in an ordinary layer is found when the image is for wasm", async (t) => {
  const { open, send } = started(t, counting());
  const store = open();
  const blob = async (bytes: Uint8Array, mediaType: string) => {
    const digest = digestOf(bytes);
    await send("POST", `/v2/app/blobs/uploads/?digest=${digest}`, { body: bytes });
    return { mediaType, digest, size: bytes.length };
  };
  const image = async (tag: string, architecture: string, files: Readonly<Record<string, Uint8Array>>) => {
    const config = await blob(Buffer.from(JSON.stringify({ architecture, os: "wasi" })), "application/vnd.oci.image.config.v1+json");
    const layer = await blob(gzipSync(tarOf(files)), "application/vnd.oci.image.layer.v1.tar+gzip");
    await send("PUT", `/v2/app/manifests/${tag}`, { body: Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers: [layer] })), headers: { "content-type": "application/vnd.oci.image.manifest.v1+json" } });
    return `registry.lichen.internal/app:${tag}`;
  };
  const found = await store.moduleFor(await image("good", "wasm", { "readme": Buffer.from("text"), "app.wasm": component("archived") }));
  t.is(found.componentDigest, digestOf(component("archived")));
  await t.throwsAsync(store.moduleFor(await image("linux", "arm64", { "app.wasm": component("x") })), { message: /without a WebAssembly layer/ });
  await t.throwsAsync(store.moduleFor(await image("none", "wasm", { "a": Buffer.from("x") })), { message: /has 0 .wasm files/ });
  await t.throwsAsync(store.moduleFor(await image("two", "wasm", { "a.wasm": component("a"), "b.wasm": component("b") })), { message: /has 2 .wasm files/ });
});

test("a registry that cannot be reached is unavailable, not absent", async (t) => {
  const store = started(t, counting(), { plainHttp: ["127.0.0.1:1"] }).open();
  t.is((await t.throwsAsync(store.moduleFor("127.0.0.1:1/app:1")) as Error & { reason: string }).reason, "ServiceUnavailable");
});

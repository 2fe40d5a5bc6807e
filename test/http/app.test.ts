import { gunzipSync } from "node:zlib";
import test from "ava";
import { parse as parseYaml } from "yaml";
import { configMap, openApi } from "./support/api.ts";

const maps = "/api/v1/namespaces/default/configmaps";

test("an object is created, read, changed, listed and deleted", async (t) => {
  const { send } = await openApi();
  const created = await send("POST", maps, { body: configMap("a") });
  t.is(created.status, 201);
  t.is(created.headers.get("content-type"), "application/json");
  t.is(created.headers.get("cache-control"), "no-cache, private");
  t.truthy(created.headers.get("audit-id"));
  const object = (await created.json()) as { metadata: { resourceVersion: string } };
  t.like(object, { kind: "ConfigMap", data: { k: "v" }, metadata: { name: "a", namespace: "default" } });

  t.like(await (await send("GET", `${maps}/a`)).json(), { kind: "ConfigMap", data: { k: "v" } });
  const merged = await send("PATCH", `${maps}/a`, { body: { data: { z: "1" } }, headers: { "content-type": "application/merge-patch+json" } });
  t.like(await merged.json(), { data: { k: "v", z: "1" } });
  const stale = await send("PUT", `${maps}/a`, { body: { ...configMap("a"), metadata: { name: "a", resourceVersion: object.metadata.resourceVersion } } });
  t.is(stale.status, 409);

  const list = (await (await send("GET", maps)).json()) as { kind: string; items: { kind?: string; metadata: { name: string } }[] };
  t.is(list.kind, "ConfigMapList");
  t.deepEqual(list.items.map((item) => [item.metadata.name, item.kind]), [["a", undefined]]);

  t.like(await (await send("DELETE", `${maps}/a`)).json(), { kind: "Status", status: "Success", details: { name: "a", kind: "configmaps" } });
  t.is((await send("GET", `${maps}/a`)).status, 404);
});

test("YAML is read and written, protobuf is answered to who asks", async (t) => {
  const { send } = await openApi();
  const made = await send("POST", maps, { body: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n", headers: { "content-type": "application/yaml", accept: "application/yaml" } });
  t.is(made.status, 201);
  t.is(made.headers.get("content-type"), "application/yaml");
  t.like(parseYaml(await made.text()), { metadata: { name: "m" } });
  const binary = await send("GET", `${maps}/m`, { headers: { accept: "application/vnd.kubernetes.protobuf" } });
  const bytes = Buffer.from(await binary.arrayBuffer());
  t.is(bytes.subarray(0, 4).toString(), "k8s\0");
  const again = await send("PUT", `${maps}/m`, { body: bytes, headers: { "content-type": "application/vnd.kubernetes.protobuf" } });
  t.is(again.status, 200);
});

test("Tables and metadata-only views", async (t) => {
  const { send } = await openApi();
  await send("POST", maps, { body: configMap("a") });
  const as = (view: string) => ({ headers: { accept: `application/json;as=${view};v=v1;g=meta.k8s.io` } });
  const table = (await (await send("GET", maps, as("Table"))).json()) as { kind: string; columnDefinitions: { name: string }[]; rows: { cells: unknown[]; object: object | null }[] };
  t.is(table.kind, "Table");
  t.is(table.columnDefinitions[0]?.name, "Name");
  t.is(table.rows[0]?.cells[0], "a");
  t.like(table.rows[0]?.object ?? {}, { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1" });
  const bare = (await (await send("GET", `${maps}/a?includeObject=None`, as("Table"))).json()) as typeof table;
  t.is(bare.rows[0]?.object, null);
  t.is((await send("GET", `${maps}?includeObject=x`, as("Table"))).status, 400);
  t.like(await (await send("GET", maps, as("PartialObjectMetadataList"))).json(), { kind: "PartialObjectMetadataList" });
  const metadata = (await (await send("GET", `${maps}/a`, as("PartialObjectMetadata"))).json()) as object;
  t.deepEqual(Object.keys(metadata).toSorted(), ["apiVersion", "kind", "metadata"]);
  t.is((await send("GET", maps, as("PartialObjectMetadata"))).status, 406);
});

test("what is not there and what is not allowed", async (t) => {
  const { send } = await openApi();
  const rows: [method: string, path: string, status: number, message: RegExp][] = [
    ["GET", "/api/v1/namespaces/default/nothings", 404, /could not find the requested resource/],
    ["GET", "/apis/apps/v1/namespaces/default/configmaps", 404, /could not find/],
    ["GET", "/apis/apps/v9/things", 404, /could not find/],
    ["GET", "/apis/none.example.com/v1/things", 404, /^404 page not found/],
    ["GET", "/nothing", 404, /^404 page not found/],
    ["GET", "/api/v1/namespaces/default/nodes/x", 404, /could not find/],
    ["GET", `${maps}/a/b/c`, 404, /could not find/],
    ["PUT", maps, 405, /does not allow this method/],
    ["POST", "/api/v1/configmaps", 405, /does not allow/],
    ["DELETE", "/api/v1/configmaps", 405, /does not allow/],
    ["DELETE", "/version", 405, /does not allow/],
    ["GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405, /does not allow/],
    ["GET", `${maps}/%zz`, 400, /400 Bad Request/],
  ];
  for (const [method, path, status, message] of rows) {
    const response = await send(method, path);
    t.is(response.status, status, `${method} ${path}`);
    t.regex(await response.text(), message, `${method} ${path}`);
  }
  const head = await send("HEAD", maps);
  t.is(head.status, 405);
  t.is(await head.text(), "");
});

test("bodies: types, size, duplicates, unknown fields", async (t) => {
  const { send } = await openApi();
  t.is((await send("POST", maps, { body: "x", headers: { "content-type": "text/plain" } })).status, 415);
  t.is((await send("PATCH", `${maps}/a`, { body: "{}", headers: { "content-type": "text/plain" } })).status, 415);
  t.is((await send("POST", maps, { body: { ...configMap("big"), data: { k: "v".repeat(4 << 20) } } })).status, 413);
  const syntax = await send("POST", maps, { body: "{" });
  t.is(syntax.status, 400);
  t.regex(await syntax.text(), /couldn't get version\/kind/);

  const twice = '{"metadata":{"name":"d"},"data":{"a":"1","a":"2"},"foo":1}';
  const strict = await send("POST", `${maps}?fieldValidation=Strict`, { body: twice });
  t.is(strict.status, 400);
  t.regex(await strict.text(), /strict decoding error: duplicate field \\"data.a\\", unknown field \\"foo\\"/);
  const warned = await send("POST", maps, { body: twice });
  t.is(warned.status, 201);
  t.is(warned.headers.get("warning"), '299 - "duplicate field \\"data.a\\"", 299 - "unknown field \\"foo\\""');
  const silent = await send("POST", `${maps}?fieldValidation=Ignore`, { body: twice.replace('"d"', '"e"') });
  t.is(silent.headers.get("warning"), null);
});

test("options that are wrong are all named in one answer", async (t) => {
  const { send } = await openApi();
  const response = await send("POST", `${maps}?dryRun=x&fieldValidation=y&fieldManager=${"a".repeat(129)}`, { body: configMap("a") });
  t.is(response.status, 422);
  const { message, details } = (await response.json()) as { message: string; details: { causes: { field: string }[] } };
  t.deepEqual(details.causes.map((cause) => cause.field), ["fieldManager", "dryRun", "fieldValidation"]);
  t.regex(message, /^CreateOptions\.meta\.k8s\.io "" is invalid: \[fieldManager: Too long: may not be more than 128 bytes, dryRun: /);
  t.is((await send("GET", `${maps}?limit=x`)).status, 400);
  t.is((await send("GET", `${maps}?sendInitialEvents=true`)).status, 422);
  const apply = await send("PATCH", `${maps}/a`, { body: configMap("a"), headers: { "content-type": "application/apply-patch+yaml" } });
  t.regex(await apply.text(), /fieldManager: Required value: is required for apply patch/);
  const forced = await send("PATCH", `${maps}/a?force=true`, { body: {}, headers: { "content-type": "application/merge-patch+json" } });
  t.regex(await forced.text(), /force: Forbidden: may not be specified for non-apply patch/);
  const dry = await send("POST", `${maps}?dryRun=All`, { body: configMap("dry") });
  t.is(dry.status, 201);
  t.is((await send("GET", `${maps}/dry`)).status, 404);
});

test("delete options come from the body or the query", async (t) => {
  const { send } = await openApi();
  await send("POST", maps, { body: configMap("a") });
  t.is((await send("DELETE", `${maps}/a?propagationPolicy=x`)).status, 422);
  t.is((await send("DELETE", `${maps}/a`, { body: { kind: "DeleteOptions", propagationPolicy: "Orphan", orphanDependents: true } })).status, 422);
  t.is((await send("DELETE", `${maps}/a`, { body: { kind: "Pod" } })).status, 400);
  t.is((await send("DELETE", `${maps}/a`, { body: { preconditions: { uid: "other" } } })).status, 409);
  t.is((await send("DELETE", `${maps}/a?dryRun=All`)).status, 200);
  t.is((await send("DELETE", `${maps}/a`, { body: { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Background" } })).status, 200);
  await send("POST", maps, { body: configMap("b") });
  t.like(await (await send("DELETE", maps)).json(), { kind: "ConfigMapList" });
  t.deepEqual(((await (await send("GET", maps)).json()) as { items: unknown[] }).items, []);
});

test("who asks: anonymous, known, wrong, impersonating", async (t) => {
  const { send } = await openApi();
  t.is((await send("GET", "/version", { headers: { authorization: "" } })).status, 200);
  t.is((await send("GET", maps, { headers: { authorization: "Bearer wrong" } })).status, 401);
  t.is((await send("GET", maps, { headers: { authorization: "Bearer jane" } })).status, 403);
  const page = await send("GET", "/metrics", { headers: { authorization: "Bearer jane" } });
  t.like(await page.json(), { reason: "Forbidden", message: 'forbidden: User "jane" cannot get path "/metrics"' });
  const unknown = await send("GET", "/api/v1/namespaces/default/nothings", { headers: { authorization: "Bearer jane" } });
  t.is(unknown.status, 403, "who may not look does not learn what exists");
  const acting = await send("GET", maps, { headers: { "impersonate-user": "jane" } });
  t.regex(((await acting.json()) as { message: string }).message, /User "jane" cannot list resource "configmaps"/);
  t.is((await send("GET", maps, { headers: { "impersonate-user": "root", "impersonate-group": "system:masters" } })).status, 200);
  t.is((await send("GET", maps, { headers: { authorization: "Bearer jane", "impersonate-user": "admin" } })).status, 403);
  t.is((await send("GET", maps, { headers: { "impersonate-group": "system:masters" } })).status, 400);
});

test("a path that names nothing: who may not ask does not learn it, the others are told in the words of Kubernetes", async (t) => {
  const { send } = await openApi();
  const jane = { headers: { authorization: "Bearer jane" } };
  const message = async (path: string, options = {}) => {
    const answer = await send("GET", path, options);
    return `${answer.status} ${answer.headers.get("content-type")?.startsWith("application/json") === true ? ((await answer.json()) as { message: string }).message : (await answer.text()).trim()}`;
  };
  t.is(await message("/api/v1/namespaces/n/configmaps/a%2fb", jane), '403 configmaps "a" is forbidden: User "jane" cannot get resource "configmaps/b" in API group "" in the namespace "n"');
  t.is(await message("/apis//v1/x", jane), '403 x is forbidden: User "jane" cannot list resource "x" in API group "" at the cluster scope');
  t.is(await message("/api/v1/namespaces/n/configmaps/a%2fb"), "404 the server could not find the requested resource");
  t.is(await message("/apis//v1/x"), "404 404 page not found");
  t.is(await message("/healthz/"), "404 404 page not found");
  t.is((await send("GET", "/version/")).status, 200);
});

test("what is there to be read, and what answers every method", async (t) => {
  const { send } = await openApi();
  const status = async (method: string, path: string) => (await send(method, path)).status;
  for (const path of ["/api", "/api/v1", "/apis/apps/v1", "/version"]) t.is(await status("POST", path), 405, path);
  for (const path of ["/apis", "/apis/apps", "/openapi/v2", "/metrics"]) t.is(await status("POST", path), 200, path);
  const yaml = await send("GET", "/apis/apps", { headers: { accept: "application/yaml" } });
  t.is(yaml.headers.get("content-type"), "application/yaml");
  t.regex(await yaml.text(), /^kind: APIGroup\n/);
});

test("large answers are compressed for who takes gzip", async (t) => {
  const { send } = await openApi();
  for (const name of ["a", "b"]) await send("POST", maps, { body: configMap(name, { k: "v".repeat(100_000) }) });
  const plain = await send("GET", maps);
  t.is(plain.headers.get("content-encoding"), null);
  const zipped = await send("GET", maps, { headers: { "accept-encoding": "gzip" } });
  t.is(zipped.headers.get("content-encoding"), "gzip");
  t.is(gunzipSync(Buffer.from(await zipped.arrayBuffer())).toString(), await plain.text());
  t.is((await send("GET", maps, { headers: { "accept-encoding": "gzip;q=0" } })).headers.get("content-encoding"), null);
});

test("pretty is for people", async (t) => {
  const { send } = await openApi();
  await send("POST", maps, { body: configMap("a") });
  t.regex(await (await send("GET", `${maps}/a?pretty=true`)).text(), /^\{\n  "/);
  t.regex(await (await send("GET", `${maps}/a`, { headers: { "user-agent": "curl/8" } })).text(), /^\{\n  "/);
  t.regex(await (await send("GET", `${maps}/a`)).text(), /^\{"/);
});

test("a failure of ours tells the client nothing and the log everything", async (t) => {
  const broken = await openApi({
    clientFor: () => {
      throw new Error("secret detail");
    },
  });
  const response = await broken.send("GET", maps);
  t.is(response.status, 500);
  t.notRegex(await response.text(), /secret/);
  t.regex(broken.errors.join(), /secret detail/);
});

test("mounted parts get their requests whole, and the user", async (t) => {
  const api = await openApi({
    mounts: [{ prefix: "/v2/", handler: async (request, user) => new Response(`${request.method} ${new URL(request.url).pathname} ${user.name} ${await request.text()}`) }],
  });
  t.is(await (await api.send("PUT", "/v2/a/manifests/b", { body: "x" })).text(), "PUT /v2/a/manifests/b admin x");
  t.is(await (await api.send("GET", "/v2/")).text(), "GET /v2/ admin ");
});

test("nobody waits longer than asked for, nor than the server allows", async (t) => {
  const never = () => new Promise<never>(() => {});
  const api = await openApi({ openid: { configuration: never, jwks: never } });
  const timedOut = async (path: string, ms: number) => {
    const answer = api.send("GET", path);
    await new Promise((resolve) => setImmediate(resolve));
    await api.clock.advance(ms);
    const response = await answer;
    t.is(response.status, 504);
    t.like(await response.json(), { reason: "Timeout", code: 504 });
  };
  await timedOut("/openid/v1/jwks", 60_000);
  await timedOut("/openid/v1/jwks?timeout=1m", 60_000);
  await timedOut("/openid/v1/jwks?timeout=1.5s", 1_500);
  const wrong = await api.send("GET", "/api/v1/nodes?timeout=soon");
  t.is(wrong.status, 400);
  t.regex(await wrong.text(), /invalid timeout/);
});

test("where nobody is anonymous, health checks and mounts still answer who has no credentials", async (t) => {
  const api = await openApi({ anonymous: false, mounts: [{ prefix: "/enroll/", handler: async (_, user) => new Response(user.name) }] });
  const ask = async (path: string) => await api.send("GET", path, { headers: { authorization: "" } });
  t.is((await ask("/api")).status, 401);
  t.is((await ask("/healthz/ping")).status, 401);
  t.is((await ask("/readyz")).status, 200);
  t.is(await (await ask("/enroll/x")).text(), "system:anonymous");
  t.is((await api.send("GET", "/api")).status, 200);
});

/**
 * Objects that have the form of their kind, and values that nobody would write: every field of every built-in kind, by every
 * verb that writes, and every subresource. The answer is one of the API's: never a failure of ours, and what was stored is
 * still there to be read.
 */
import fc from "fast-check";
import test from "ava";
import { isObject } from "../../core/api/json.ts";
import type { Kind } from "../../core/api/kinds.ts";
import type { FieldType, ObjectType } from "../../core/api/schema/schema.ts";
import { openApi } from "./support/api.ts";
import type { Api } from "./support/api.ts";
import { nameOf, validObjects } from "./support/valid-objects.ts";

/** Deeper values are left out: some types contain themselves. */
const MAX_DEPTH = 6;

const text = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b-1", "a.example.com", "default", "kube-system", "80", "10%", "100m", "1Gi", "Always", "None", "TCP", "*", "/a/b", "v1", "v1/Pod", "apps", "ClusterIP", "Recreate", "RollingUpdate", "* * * * *", "10.0.0.1", "10.0.0.0/8", "fd00::1", "true", "constructor", "toString") },
  { weight: 1, arbitrary: fc.constantFrom("", " ", "A_B", "-", "..", "a/../b", "%2f", "é", "\u0000", "__proto__", "a\nb", "1e400", "self.x[", "$(X)", "{.a[", "x".repeat(300)) },
  { weight: 1, arbitrary: fc.string({ maxLength: 20, unit: "binary" }) },
);
const number = fc.oneof(fc.constantFrom(0, 1, 2, 80, -1, 65_535, 65_536, 2 ** 31 - 1, -(2 ** 31), 2 ** 53 - 1), fc.integer());
const quantity = fc.oneof(fc.constantFrom("0", "1", "100m", "1Gi", "1e3", "-1", "0.5n", "9223372036854775807", "1e30", "1E", "+1", ".5", "5."), number);
const time = fc.constantFrom("2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2026-01-01T00:00:00.123456Z", "9999-12-31T23:59:59Z", "2026-13-01T00:00:00Z", "yesterday");
const anything = fc.jsonValue({ maxDepth: 2 });

const SPECIAL = {
  Time: time,
  MicroTime: time,
  Duration: fc.constantFrom("1s", "0s", "-1h", "1.5h", "x", "9999999h"),
  Quantity: quantity,
  IntOrString: fc.oneof(number, fc.constantFrom("10%", "100%", "101%", "-1%", "http", "x y", "5")),
  FieldsV1: fc.constantFrom({}, { "f:a": {} }, { "k:{}": {} }, { "": 1 }),
  RawExtension: fc.oneof(anything, fc.constant({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "in" } })),
  JSON: anything,
};

function valueOf(type: FieldType, depth: number): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case "scalar":
      if (type.scalar === "boolean") return fc.boolean();
      if (type.scalar === "bytes") return fc.constantFrom("", "YQ==", "not base64!", "YQ");
      return type.scalar === "string" ? text : type.scalar === "double" ? fc.double() : number;
    case "special":
      return SPECIAL[type.special];
    case "object":
      return depth >= MAX_DEPTH ? fc.constant({}) : objectOf(type.type, depth + 1);
    case "list":
      return fc.array(valueOf(type.items, depth + 1), { maxLength: 2 });
    case "map":
      return fc.dictionary(text, valueOf(type.values, depth + 1), { maxKeys: 2 });
  }
}

/** What the server keeps itself. */
const LEFT_OUT = new Set(["apiVersion", "kind", "managedFields"]);
const known = new Map<string, fc.Arbitrary<object>>();

/** A few fields of a type at a time. `depth` 0 and 1 are the object and its spec, which valid ones have already. */
function objectOf(type: ObjectType, depth: number): fc.Arbitrary<object> {
  const key = `${depth} ${type.name}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const fields = [...type.fields.values()].filter(({ name }) => !LEFT_OUT.has(name));
  const needed = depth < 2 ? [] : fields.filter(({ required }) => required);
  const made = fc.subarray(fields, { maxLength: Math.min(3, fields.length) }).chain((some) => {
    const all = new Set([...needed, ...some]);
    return fc.record(Object.fromEntries([...all].map(({ name, type: of }) => [name, fc.oneof({ weight: 30, arbitrary: valueOf(of, depth) }, { weight: 1, arbitrary: anything })])));
  });
  known.set(key, made);
  return made;
}

/** `more` written over `base`, field by field and item by item. */
function over(base: unknown, more: unknown): unknown {
  if (Array.isArray(base) && Array.isArray(more)) return [...more.map((item, index) => over(base[index], item)), ...base.slice(more.length)];
  if (!isObject(base) || !isObject(more)) return more;
  return { ...base, ...Object.fromEntries(Object.entries(more).map(([name, value]) => [name, over(base[name], value)])) };
}

interface Attempt {
  readonly verb: string;
  readonly on: string;
  readonly contentType?: string;
  readonly body?: unknown;
}

const PATCHES = ["application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"];

function attemptsOn(kind: Kind): fc.Arbitrary<readonly Attempt[]> {
  const fields = objectOf(kind.schema, 0);
  const valid = validObjects[kind.kind] ?? {};
  const object = fc.oneof({ weight: 3, arbitrary: fields.map((some) => over(valid, some)) }, { weight: 1, arbitrary: fc.constant(valid) });
  const on = fc.constantFrom("", "", "", ...kind.subresources.filter(({ name, verbs }) => name !== "proxy" && (verbs.includes("update") || verbs.includes("create"))).map(({ name }) => `/${name}`));
  const put = fc.record({ verb: fc.constant("PUT"), on, body: object });
  const patch = fc.record({ verb: fc.constant("PATCH"), on, contentType: fc.constantFrom(...PATCHES), body: fc.oneof(fields, object) });
  const pointer = fc.record({ op: fc.constantFrom("add", "remove", "replace", "test", "copy", "move"), path: fc.constantFrom("/spec", "/metadata/labels", "/metadata/labels/a", "/data", "/spec/-", "/metadata/finalizers/0", "/a~1b", "x"), from: fc.constantFrom("/spec", "/metadata"), value: anything });
  const jsonPatch = fc.record({ verb: fc.constant("PATCH"), on, contentType: fc.constant("application/json-patch+json"), body: fc.array(pointer, { maxLength: 3 }) });
  return fc.tuple(object, fc.array(fc.oneof({ weight: 2, arbitrary: patch }, put, jsonPatch), { maxLength: 5 })).map(([first, changes]) => [{ verb: "POST", on: "", body: first }, ...changes]);
}

/** Bad input for which Kubernetes, too, says 500 where one would expect 400 or 422. */
const KUBERNETES_OWN = /"message":"(?:failed to create typed (?:patch|live) object \(|map: .* does not contain declared merge key: |list element types are not identical: |target\.name: Required value)/;

function collectionOf({ group, version, plural, namespaced }: Kind): string {
  return `/${group === "" ? "api" : `apis/${group}`}/${version}${namespaced ? "/namespaces/default" : ""}/${plural}`;
}

/** What a server sets, a client cannot; and the test must find the object again. */
const SERVERS_OWN = { namespace: undefined, generateName: undefined, deletionTimestamp: undefined, resourceVersion: undefined, uid: undefined };

function named({ group, version, kind }: Kind, body: object): object {
  return { ...body, apiVersion: `${group}${group === "" ? "" : "/"}${version}`, kind, metadata: { ...(body as { metadata?: object }).metadata, ...SERVERS_OWN, name: nameOf(kind) } };
}

async function tryAll(api: Api, kind: Kind, attempts: readonly Attempt[]): Promise<string[]> {
  const collection = collectionOf(kind);
  const name = nameOf(kind.kind);
  const failures: string[] = [];
  const send = async (method: string, path: string, contentType?: string, body?: unknown) => {
    const response = await api.send(method, path, { headers: contentType === undefined ? {} : { "content-type": contentType }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const said = await response.text();
    if ((response.status >= 500 && !KUBERNETES_OWN.test(said)) || api.errors.length > 0) failures.push(`${method} ${path} ${JSON.stringify(body)}: ${response.status} ${said} ${api.errors.join()}`);
    return response.status;
  };
  for (const { verb, on, contentType = "application/json", body } of attempts) {
    const given = Array.isArray(body) ? body : named(kind, body as object);
    const item = `${collection}/${name}${on}`;
    if (verb === "POST") await send("POST", collection, contentType, given);
    else await send(verb, contentType.includes("apply") ? `${item}?fieldManager=f&force=true` : item, contentType, given);
  }
  const there = await send("GET", `${collection}/${name}`);
  if (there === 200) {
    await send("GET", collection);
    const table = await api.send("GET", collection, { headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" } });
    const binary = await api.send("GET", collection, { headers: { accept: "application/vnd.kubernetes.protobuf" } });
    for (const answer of [table, binary]) if (answer.status !== 200) failures.push(`GET ${collection} as ${answer.headers.get("content-type")}: ${answer.status} ${await answer.text()}`);
    await send("PATCH", `${collection}/${name}`, "application/merge-patch+json", { metadata: { finalizers: null } });
    await send("DELETE", `${collection}/${name}`);
  }
  return failures;
}

const everyKind = (await openApi()).services.kinds.all().filter(({ verbs }) => verbs.includes("create"));

test("the objects that all others are made of are accepted", async (t) => {
  const api = await openApi();
  const answers = await Promise.all(everyKind.filter(({ kind }) => kind in validObjects && kind !== "Binding").map(async (kind) => {
    const response = await api.send("POST", `${collectionOf(kind)}?dryRun=All`, { body: named(kind, validObjects[kind.kind] ?? {}) });
    return [kind.kind, response.status, response.status === 201 ? "" : await response.text()];
  }));
  t.deepEqual(answers.filter(([, status]) => status !== 201), []);
});

/** Always the same attempts, unless somebody searches: FUZZ_SEED=2 FUZZ_RUNS=500. */
const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
const RUNS = Number(process.env["FUZZ_RUNS"] ?? 25);

for (const kind of everyKind) {
  test(`${kind.group}/${kind.version} ${kind.kind}`, async (t) => {
    const api = await openApi();
    await fc.assert(
      fc.asyncProperty(attemptsOn(kind), async (attempts) => {
        t.deepEqual(await tryAll(api, kind, attempts), []);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
}

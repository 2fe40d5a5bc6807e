import test from "ava";
import * as fc from "fast-check";
import { builtinKinds } from "../../../core/api/kinds/built-in.ts";
import { kindTable } from "../../../core/api/kind-table.ts";
import { parseApiVersion } from "../../../core/api/meta.ts";
import { decodeValue } from "../../../core/api/schema/decode.ts";
import { types } from "../../../core/api/schema/facts.ts";
import { decodeProtobuf, encodeProtobuf, encodeWatchFrame, metaTypeOf } from "../../../core/api/schema/protobuf.ts";
import type { FieldType, ObjectType } from "../../../core/api/schema/schema.ts";
import { ApiError } from "../../../core/api/status.ts";

const table = kindTable(builtinKinds());

function typeOf(apiVersion: string, kind: string): ObjectType | undefined {
  const { group, version } = parseApiVersion(apiVersion);
  return table.byKind(group, version, kind)?.schema ?? metaTypeOf(kind);
}

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

/** A body as kubectl sends it for `create namespace a`: magic, TypeMeta, raw, and two empty texts. */
const namespaceBody = hex(`
  6b387300
  0a0f 0a027631 12094e616d657370616365
  1219 0a11 0a0161 1200 1a00 2200 2a00 3200 3800 4200 1200 1a020a00
  1a00 2200
`);

test("reads a namespace as kubectl writes it", (t) => {
  t.deepEqual(decodeProtobuf(namespaceBody, typeOf), {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "a", generateName: "", namespace: "", selfLink: "", uid: "", resourceVersion: "", generation: 0, creationTimestamp: null },
    spec: {},
    status: { phase: "" },
  });
});

test("writes what it read to the same bytes", (t) => {
  const type = types().get("io.k8s.api.core.v1.Namespace");
  const { value } = decodeValue(type, decodeProtobuf(namespaceBody, typeOf));
  t.deepEqual(encodeProtobuf(type, value), namespaceBody);
});

test("writes the bytes that Kubernetes writes", (t) => {
  const type = types().get("io.k8s.api.core.v1.ObjectReference");
  const bytes = encodeProtobuf(type, { apiVersion: "v1", kind: "Pod", name: "p" });
  t.is(
    bytes.toString("hex"),
    hex(`6b387300
         0a09 0a027631 1203506f64
         1214 0a03506f64 1200 1a0170 2200 2a027631 3200 3a00
         1a00 2200`).toString("hex"),
  );
});

/** A value for every field, so that each type and number is used. */
function full(type: ObjectType, depth: number): { [field: string]: unknown } {
  const object: { [field: string]: unknown } = {};
  for (const field of type.fields.values()) {
    if (field.number === undefined || depth > 12) continue;
    const value = sample(field.type, depth);
    if (value !== undefined) object[field.name] = value;
  }
  return object;
}

function sample(type: FieldType, depth: number): unknown {
  switch (type.kind) {
    case "scalar":
      return { string: "é text", boolean: true, int32: -5, int64: 2 ** 52, double: 1.5, bytes: "AAEC/w==" }[type.scalar];
    case "object":
      return depth > 4 && type.type.name.endsWith("JSONSchemaProps") ? undefined : full(type.type, depth + 1);
    case "list": {
      const item = sample(type.items, depth + 1);
      return item === undefined ? undefined : [item, item];
    }
    case "map": {
      const value = sample(type.values, depth + 1);
      return value === undefined ? undefined : { a: value, b: value };
    }
    case "special":
      switch (type.special) {
        case "Time":
          return "1969-12-31T23:59:58Z";
        case "MicroTime":
          return "2026-01-02T03:04:05.000006Z";
        case "Duration":
          return "90s";
        case "Quantity":
          return "1500m";
        case "IntOrString":
          return "25%";
        case "FieldsV1":
          return { "f:spec": {} };
        case "RawExtension":
          return { apiVersion: "example.com/v1", kind: "Thing", a: [1, null] };
        case "JSON":
          return type.model === "JSONSchemaPropsOrBool" ? false : type.model === undefined ? { a: 1 } : ["x"].slice(type.model === "JSONSchemaPropsOrArray" ? 1 : 0);
      }
  }
}

for (const kind of table.all().filter((each) => each.group !== "lichen.dev")) {
  test(`every field of ${kind.group}/${kind.version} ${kind.kind} survives`, (t) => {
    const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
    const { value } = decodeValue(kind.schema, { ...full(kind.schema, 0), apiVersion, kind: kind.kind });
    const back = decodeProtobuf(encodeProtobuf(kind.schema, value), typeOf);
    t.is(JSON.stringify(decodeValue(kind.schema, back).value), JSON.stringify(value));
  });
}

test("lists and options travel like objects", (t) => {
  const list = types().get("io.k8s.api.core.v1.ConfigMapList");
  const value = { apiVersion: "v1", kind: "ConfigMapList", metadata: { resourceVersion: "7" }, items: [{ metadata: { name: "a" }, data: { k: "v" } }] };
  const back = decodeProtobuf(encodeProtobuf(list, value), () => list);
  t.deepEqual(decodeValue(list, back).value, decodeValue(list, value).value);

  const options = metaTypeOf("DeleteOptions");
  if (options === undefined) throw new Error("no DeleteOptions");
  const wanted = { kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds: 0, preconditions: { uid: "u" }, propagationPolicy: "Orphan", dryRun: ["All"] };
  t.deepEqual(decodeValue(options, decodeProtobuf(encodeProtobuf(options, wanted), typeOf)).value, wanted);
});

test("a raw extension may hold JSON or an object in its own envelope", (t) => {
  const revision = types().get("io.k8s.api.apps.v1.ControllerRevision");
  const event = metaTypeOf("WatchEvent");
  if (event === undefined) throw new Error("no WatchEvent");
  const json = { apiVersion: "apps/v1", kind: "ControllerRevision", metadata: {}, data: { spec: 1 }, revision: 3 };
  t.deepEqual(decodeValue(revision, decodeProtobuf(encodeProtobuf(revision, json), typeOf)).value, decodeValue(revision, json).value);

  // a frame is a WatchEvent without envelope; give it one to read it
  const frame = encodeWatchFrame("ADDED", namespaceBody);
  t.is(frame.readUInt32BE(), frame.length - 4);
  const wrapped = Buffer.concat([hex("6b387300"), lengthDelimited([0x12], frame.subarray(4))]);
  const read = decodeProtobuf(wrapped, (apiVersion, kind) => (kind === "" ? event : typeOf(apiVersion, kind)));
  t.like(read, { type: "ADDED", object: { kind: "Namespace", metadata: { name: "a" } } });
});

/** a field of bytes: its tag, its length, the bytes */
function lengthDelimited(tag: readonly number[], bytes: Buffer): Buffer {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest >= 0x80; rest >>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...tag, ...length, rest]), bytes]);
}

const broken: readonly (readonly [string, Buffer, RegExp])[] = [
  ["JSON", Buffer.from("{}"), /does not begin with/],
  ["empty", Buffer.alloc(0), /does not begin with/],
  ["an unknown kind", hex("6b387300 0a090a027632 1203506f64"), /no kind "Pod" is known for version "v2"/],
  ["a length beyond the end", hex("6b387300 0aff01 00"), /beyond the end/],
  ["a number that does not end", hex("6b387300 ffffffffffffffffffffff01"), /more than ten bytes/],
  ["a cut number", hex("6b387300 0a"), /unexpected end/],
  ["a group", hex("6b387300 0b"), /wire type 3/],
  ["field number zero", hex("6b387300 00"), /valid number/],
  ["compressed content", hex("6b387300 1a0467 7a6970"), /content encoding "gzip"/],
  ["a wrong wire type", hex("6b387300 0a09 0a027631 1203506f64 1202 0801"), /another wire type/],
];

for (const [what, bytes, message] of broken) {
  test(`${what} is refused`, (t) => {
    t.throws(() => decodeProtobuf(bytes, typeOf), { instanceOf: ApiError, message });
  });
}

test("deep nesting is refused before the stack ends", (t) => {
  // JSONSchemaProps.not (28) inside itself
  let message: Buffer = Buffer.alloc(0);
  for (let level = 0; level < 2000; level++) message = lengthDelimited([0xe2, 0x01], message);
  const type = types().get("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps");
  const body = Buffer.concat([hex("6b387300"), lengthDelimited([0x12], message)]);
  t.throws(() => decodeProtobuf(body, () => type), { instanceOf: ApiError, message: /nested deeper/ });
});

test("a body cannot make a million objects out of two bytes each", (t) => {
  const containers = Buffer.from("1200".repeat(400_000), "hex");
  const body = Buffer.concat([hex("6b387300"), lengthDelimited([0x12], lengthDelimited([0x12], containers))]);
  t.throws(() => decodeProtobuf(body, () => types().get("io.k8s.api.core.v1.Pod")), { instanceOf: ApiError, message: /more than/ });
});

test("damaged bytes end in a value or a BadRequest, never in another error", (t) => {
  const pod = types().get("io.k8s.api.core.v1.Pod");
  const good = encodeProtobuf(pod, { apiVersion: "v1", kind: "Pod", ...decodeValue(pod, full(pod, 0)).value });
  const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(damage, fc.nat(good.length), (changes, end) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      try {
        decodeValue(pod, decodeProtobuf(bytes.subarray(0, end < 8 ? bytes.length : bytes.length - (end % 7)), typeOf));
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test("random bytes after the magic are never a crash", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      try {
        decodeProtobuf(Buffer.concat([hex("6b387300"), noise]), () => types().get("io.k8s.api.core.v1.Pod"));
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
  t.pass();
});

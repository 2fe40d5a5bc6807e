import test from "ava";
import { decodeValue } from "../../core/api/schema/decode.ts";
import { objectTypeOf } from "../../core/extensions/crd/object-type.ts";
import { API_SERVICES, CUSTOM_RESOURCE_DEFINITIONS } from "../../core/api/resources.gen.ts";
import type { AnyObject } from "../../core/api/meta.ts";
import { causes, defined, definition, plane, thing, THINGS } from "./support/plane.ts";

const object = (properties: object, more: object = {}) => ({ type: "object", properties, ...more });
const text = { type: "string" };
const integer = { type: "integer" };

test("a definition is accepted, established and served, and its group version registered", async (t) => {
  const { client, kinds } = await defined(t, object({ f: text }));
  const { status } = await client.get(CUSTOM_RESOURCE_DEFINITIONS, { name: "things.example.com" });
  t.deepEqual(status?.conditions?.map(({ type, status: is, reason }) => `${type} ${is} ${reason}`), ["NamesAccepted True NoConflicts", "Established True InitialNamesAccepted"]);
  t.deepEqual(status?.storedVersions, ["v1"]);
  t.is(kinds.byResource("example.com", "v1", "things")?.listKind, "ThingList");
  const service = await client.get(API_SERVICES, { name: "v1.example.com" });
  t.is(service.metadata.labels?.["kube-aggregator.kubernetes.io/automanaged"], "true");
  t.is(service.status?.conditions?.[0]?.reason, "Local");
});

test("defaults fill on create and on read of older objects, unknown fields go", async (t) => {
  const { client, settled } = await defined(t, object({ a: { ...text, default: "x" }, l: { type: "array", items: object({ d: { ...text, default: "e" } }) }, n: { ...text, nullable: true, default: "y" } }));
  const made = await client.create(THINGS, thing({ l: [{}], n: null }));
  t.deepEqual(made["spec"], { l: [{ d: "e" }], n: null, a: "x" });
  const { metadata } = await client.get(CUSTOM_RESOURCE_DEFINITIONS, { name: "things.example.com" });
  await client.update(CUSTOM_RESOURCE_DEFINITIONS, { name: "things.example.com" }, { ...definition(object({ b: { ...integer, default: 3 } })), metadata });
  await settled();
  t.deepEqual((await client.get(THINGS, { namespace: "default", name: "x" }))["spec"], { b: 3 });
  t.deepEqual((await client.list(THINGS)).items.map((each) => each["spec"]), [{ b: 3 }]);
});

const refused: readonly { readonly title: string; readonly schema: object; readonly spec: unknown; readonly causes: readonly string[] }[] = [
  { title: "type", schema: object({ f: integer }), spec: { f: "1" }, causes: ['spec.f: Invalid value: "string": spec.f in body must be of type integer: "string"'] },
  { title: "null", schema: object({ f: text }), spec: { f: null }, causes: ['spec.f: Invalid value: "null": spec.f in body must be of type string: "null"'] },
  { title: "limits", schema: object({ f: { ...integer, maximum: 3 } }), spec: { f: 4 }, causes: ["spec.f: Invalid value: 4: spec.f in body should be less than or equal to 3"] },
  { title: "pattern of Go", schema: object({ f: { ...text, pattern: "(?i)^[[:alpha:]]+\\z" } }), spec: { f: "a1" }, causes: ["spec.f: Invalid value: \"a1\": spec.f in body should match '(?i)^[[:alpha:]]+\\z'"] },
  { title: "enum", schema: object({ f: { ...text, enum: ["a", "b"] } }), spec: { f: "c" }, causes: ['spec.f: Unsupported value: "c": supported values: "a", "b"'] },
  { title: "required", schema: object({ f: text }, { required: ["f"] }), spec: {}, causes: ["spec.f: Required value"] },
  { title: "set", schema: object({ f: { type: "array", "x-kubernetes-list-type": "set", items: text } }), spec: { f: ["a", "b", "a"] }, causes: ['spec.f[2]: Duplicate value: "a"'] },
  {
    title: "alternatives",
    schema: object({ a: text, b: text }, { oneOf: [{ required: ["a"] }, { required: ["b"] }] }),
    spec: { a: "1", b: "2" },
    causes: ['<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
  },
  { title: "int-or-string", schema: object({ f: { "x-kubernetes-int-or-string": true } }), spec: { f: true }, causes: ['spec.f: Invalid value: "boolean": spec.f in body must be of type integer,string: "boolean"'] },
  { title: "counts", schema: object({ f: { type: "array", maxItems: 1, items: integer } }), spec: { f: [1, 2] }, causes: ["spec.f: Too many: 2: must have at most 1 items"] },
  {
    title: "rule with messageExpression",
    schema: object({ a: integer, b: integer }, { "x-kubernetes-validations": [{ rule: "self.a < self.b", messageExpression: "'a is ' + string(self.a)", reason: "FieldValueForbidden", fieldPath: ".a" }] }),
    spec: { a: 2, b: 1 },
    causes: ["spec.a: Forbidden: a is 2"],
  },
  {
    title: "rule on escaped names and a map",
    schema: object({ "a-b": { type: "object", additionalProperties: integer } }, { "x-kubernetes-validations": [{ rule: "self.a__dash__b.all(k, self.a__dash__b[k] > 1)", message: "too small" }] }),
    spec: { "a-b": { x: 2, y: 1 } },
    causes: ["spec: Invalid value: too small"],
  },
];

for (const { title, schema, spec, causes: wanted } of refused) {
  test(`an object is judged by its schema: ${title}`, async (t) => {
    const { client } = await defined(t, schema);
    t.deepEqual(await causes(client.create(THINGS, thing(spec))), wanted);
  });
}

test("transition rules see the object before, and what was wrong before and is the same is tolerated", async (t) => {
  const { client, settled } = await defined(t, object({ f: { ...text, "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "immutable" }] }, g: text }));
  const made = await client.create(THINGS, thing({ f: "a", g: "long" }));
  const target = { namespace: "default", name: "x" };
  t.deepEqual(await causes(client.update(THINGS, target, { ...made, spec: { f: "b" } })), ['spec.f: Invalid value: "b": immutable']);
  await client.patch(CUSTOM_RESOURCE_DEFINITIONS, { name: "things.example.com" }, { type: "json", operations: [{ op: "add", path: "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/g/maxLength", value: 2 }] });
  await settled();
  const kept = await client.patch(THINGS, target, { type: "merge", patch: { metadata: { labels: { a: "b" } } } });
  t.deepEqual(kept.object.metadata.labels, { a: "b" });
  t.deepEqual(await causes(client.patch(THINGS, target, { type: "merge", patch: { spec: { g: "longer" } } })), [
    "spec.g: Too long: may not be more than 2 bytes",
    "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
  ]);
});

test("status and scale are views of their own", async (t) => {
  const subresources = { status: {}, scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas", labelSelectorPath: ".status.selector" } };
  const root = { properties: { spec: object({ replicas: integer }), status: object({ replicas: integer, selector: text }) } };
  const { client } = await defined(t, {}, { version: { subresources }, root });
  const target = { namespace: "default", name: "x" };
  const made = await client.create(THINGS, { ...thing({ replicas: 1 }), status: { replicas: 9 } });
  t.is(made["status"], undefined);
  await client.update(THINGS, { ...target, subresource: "status" }, { ...made, spec: { replicas: 7 }, status: { replicas: 1, selector: "a=b" } });
  const scale = await client.get<AnyObject>(THINGS, { ...target, subresource: "scale" });
  t.deepEqual([scale["spec"], scale["status"]], [{ replicas: 1 }, { replicas: 1, selector: "a=b" }]);
  await client.update(THINGS, { ...target, subresource: "scale" }, { ...scale, spec: { replicas: 3 } });
  const after = await client.get(THINGS, target);
  t.deepEqual(after["spec"], { replicas: 3 });
  t.is(after.metadata.generation, 2);
});

test("versions share their objects; selectable fields select; columns print", async (t) => {
  const schema = { openAPIV3Schema: { type: "object", properties: { spec: object({ color: text, size: integer }) } } };
  const selectableFields = [{ jsonPath: ".spec.color" }];
  const additionalPrinterColumns = [{ name: "Color", type: "string", jsonPath: ".spec.color" }, { name: "First", type: "integer", jsonPath: '.status.parts[?(@.name=="a")].size' }];
  const versions = [
    { name: "v1", served: true, storage: true, schema, selectableFields, additionalPrinterColumns },
    { name: "v2", served: true, storage: false, deprecated: true, schema, selectableFields, additionalPrinterColumns },
  ];
  const { client, kinds } = await defined(t, {}, { spec: { versions } });
  await client.create(THINGS, thing({ color: "red" }));
  const V2 = { ...THINGS, version: "v2" };
  t.is((await client.get(V2, { namespace: "default", name: "x" })).apiVersion, "example.com/v2");
  t.is((await client.list(V2, { fieldSelector: "spec.color=red" })).items.length, 1);
  t.is((await client.list(V2, { fieldSelector: "spec.color!=red" })).items.length, 0);
  const row = kinds.byResource("example.com", "v2", "things");
  t.is(row?.hooks.deprecation, "example.com/v2 Thing is deprecated");
  const shown = { ...thing({ color: "red" }), status: { parts: [{ name: "b", size: 1 }, { name: "a", size: 2 }] } };
  t.deepEqual(row?.hooks.columns?.map(({ cell }) => cell(shown, 0)), ["x", "red", 2]);
});

test("what only another version has is not stored; a deprecated version names a better one", async (t) => {
  const version = (name: string, field: string, more: object) => ({ name, served: true, schema: { openAPIV3Schema: { type: "object", properties: { spec: object({ [field]: text }) } } }, ...more });
  const versions = [version("v2", "next", { storage: false }), version("v1", "color", { storage: true, deprecated: true })];
  const { client, kinds } = await defined(t, {}, { spec: { versions } });
  const made = await client.create({ ...THINGS, version: "v2" }, { ...thing({ next: "a" }), apiVersion: "example.com/v2" });
  t.deepEqual(made["spec"], {});
  t.is(kinds.byResource("example.com", "v1", "things")?.hooks.deprecation, "example.com/v1 Thing is deprecated; use example.com/v2 Thing");
});

test("a name is given once; it becomes free with its definition, whose objects go first", async (t) => {
  const { client, kinds, settled, clock } = await defined(t, object({}));
  await client.create(THINGS, thing({}));
  const other = { ...definition(object({}), { spec: { names: { plural: "others", kind: "Thing" } } }), metadata: { name: "others.example.com" } };
  await client.create(CUSTOM_RESOURCE_DEFINITIONS, other);
  await settled();
  const refusedNames = (await client.get(CUSTOM_RESOURCE_DEFINITIONS, { name: "others.example.com" })).status;
  t.is(refusedNames?.conditions?.[0]?.message, '"ThingList" is already in use');
  t.is(kinds.byResource("example.com", "v1", "others"), undefined);
  await client.delete(CUSTOM_RESOURCE_DEFINITIONS, { name: "things.example.com" });
  await clock.advance(5_000);
  await settled();
  t.is(kinds.byResource("example.com", "v1", "things"), undefined);
  t.is(kinds.byResource("example.com", "v1", "others")?.kind, "Thing");
});

const wrongDefinitions: readonly (readonly [title: string, schema: object, causes: readonly string[]])[] = [
  ["type of alternatives", object({ f: { anyOf: [text] } }), ["properties[spec].properties[f].anyOf[0].type: Forbidden: must be empty to be structural", "properties[spec].properties[f].type: Required value: must not be empty for specified object fields"]],
  ["default", object({ f: { ...integer, default: "x" } }), ['properties[spec].properties[f].default: Invalid value: "string":  in body must be of type integer: "string"']],
  ["list map without key", object({ f: { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], items: object({ n: text }) } }), ['properties[spec].properties[f].x-kubernetes-list-map-keys: Invalid value: ["k"]: entries must all be names of item properties']],
  ["unknown field of a rule", object({ f: object({ a: integer }, { "x-kubernetes-validations": [{ rule: "self.b > 1" }] }) }), [
    "properties[spec].properties[f].x-kubernetes-validations[0].rule: Invalid value: {\"Rule\":\"self.b \\u003e 1\",\"Message\":\"\",\"MessageExpression\":\"\",\"Reason\":null,\"FieldPath\":\"\",\"OptionalOldSelf\":null}: compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | self.b > 1\n | ....^",
  ]],
];

test("values are judged in the words of Kubernetes", async (t) => {
  const { client } = await defined(t, object({
    n: { type: "number", minimum: 3.5 },
    i: { ...integer, format: "int32", multipleOf: 2.5 },
    e: { ...integer, enum: [1, 5] },
    r: object({}, { "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true }),
    m: { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], items: object({ k: text }, { required: ["k"] }) },
    d: { ...integer, default: 7 },
  }));
  const wrong = await causes(client.create(THINGS, thing({ n: 1, i: 1.5, e: 1.5, r: { apiVersion: "a/b/c", kind: "x y" }, m: ["z"] })));
  t.deepEqual(wrong.toSorted(), [
    '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.i',
    '<nil>: Invalid value: "": MultipleOf value must be of type integer with format int32 in spec.i',
    'spec.e: Invalid value: "number": spec.e in body must be of type integer: "number"',
    '<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.e',
    'spec.i: Invalid value: "float64": spec.i in body must be of type int32: "float64"',
    "spec.i: Invalid value: 1.5: spec.i in body should be a multiple of 2.5",
    'spec.m[0]: Invalid value: "string": spec.m[0] in body must be of type object: "string"',
    'spec.m[0]: Invalid value: "z": must be an object for an array of list-type map',
    "spec.n: Invalid value: 1: spec.n in body should be greater than or equal to 3",
    'spec.r.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
    "spec.r.kind: Invalid value: \"x y\": may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
  ].toSorted());
});

test("a null that says nothing goes, one for which a default stands is left to it; what is misplaced is emptied", (t) => {
  const spec = object({ a: text, d: { ...integer, default: 7 }, n: { ...text, nullable: true }, m: { type: "object", additionalProperties: object({ x: text }) } });
  const type = objectTypeOf({ group: "example.com", version: "v1", kind: "Thing" }, { type: "object", properties: { spec } } as never);
  const { value, problems } = decodeValue(type, { spec: { a: null, d: null, n: null, m: { one: null, two: { x: null, y: 1 } } } });
  t.deepEqual(value, { spec: { d: null, m: { two: {} }, n: null } });
  t.deepEqual(problems, ['unknown field "spec.m.two.y"']);
  t.deepEqual(decodeValue(type, { spec: { a: { b: 1 }, m: [{ c: 1 }] } }), { value: { spec: { a: {}, m: [{}] } }, problems: ['unknown field "spec.a.b"', 'unknown field "spec.m[0].c"'] });
});

test("the paths of a scale lead to what Scale can hold", async (t) => {
  const scale = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" };
  const schema = { openAPIV3Schema: { type: "object", properties: { spec: object({ replicas: { type: "number" } }), status: object({ replicas: integer }) } } };
  const { client } = await defined(t, {}, { spec: { versions: [{ name: "v1", served: true, storage: true, schema, subresources: { scale } }] } });
  const path = ".spec.replicas: Invalid value:";
  t.deepEqual(await causes(client.create(THINGS, thing({ replicas: -1 }))), [`${path} -1: should be a non-negative integer`]);
  t.deepEqual(await causes(client.create(THINGS, thing({ replicas: 2 ** 31 }))), [`${path} 2147483648: should be less than or equal to 2147483647`]);
  t.deepEqual(await causes(client.create(THINGS, thing({ replicas: 1.5 }))), [`${path} 0: .spec.replicas accessor error: 1.5 is of the type float64, expected int64`]);
});

for (const [title, schema, wanted] of wrongDefinitions) {
  test(`a definition is refused: ${title}`, async (t) => {
    const { client } = await plane(t);
    t.deepEqual(await causes(client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(schema))), wanted.map((cause) => `spec.validation.openAPIV3Schema.${cause}`));
  });
}

test("a rule that could cost too much is refused, with limits it is not", async (t) => {
  const { client } = await plane(t);
  const schema = (limits: object) => object({ f: { type: "array", ...limits, items: { ...text, ...limits }, "x-kubernetes-validations": [{ rule: "self.all(x, self.all(y, x == y))" }] } });
  const unlimited = await causes(client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(schema({})), { dryRun: true }));
  t.regex(unlimited[0] ?? "", /estimated rule cost exceeds budget by factor of more than 100x/);
  t.deepEqual(await causes(client.create(CUSTOM_RESOURCE_DEFINITIONS, definition({ ...schema({}), properties: { f: { type: "array", maxItems: 10, items: { ...text, maxLength: 10 }, "x-kubernetes-validations": [{ rule: "self.all(x, self.all(y, x == y))" }] } } }), { dryRun: true })), []);
});

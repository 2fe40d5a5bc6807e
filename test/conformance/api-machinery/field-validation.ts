/** `fieldValidation`: what is not in the schema is refused, warned about or dropped, as the caller asks. */
import assert from "node:assert/strict";
import { DEPLOYMENTS } from "../../../core/api/resources.gen.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { establish } from "../support/custom-resource.ts";

const strict = { fieldValidation: "Strict", fieldManager: "conformance" };
const yaml = { "content-type": "application/yaml" };
const apply = { "content-type": "application/apply-patch+yaml" };

const schema = (more: object = {}) => ({
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        cronSpec: { type: "string" },
        ports: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
          items: { type: "object", required: ["containerPort", "protocol"], properties: { containerPort: { type: "integer" }, protocol: { type: "string" }, hostPort: { type: "integer" } } },
        },
      },
      ...more,
    },
  },
});

/** A definition, and a way to send it text. */
async function custom(c: Context, of: object | undefined) {
  const { resource, kind, group } = await establish(c, { versions: [{ name: "v1", ...(of === undefined ? {} : { schema: of }) }] });
  const { path } = c.api.of(resource, c.namespace);
  const head = (name: string) => `apiVersion: ${group}/v1\nkind: ${kind}\nmetadata:\n  name: ${name}\n`;
  return {
    create: (name: string, text: string, metadata = "") => c.api.send("POST", path, { query: strict, headers: yaml, body: `${head(name)}${metadata}${text}` }),
    apply: (name: string, text: string, metadata = "") => c.api.send("PATCH", `${path}/${name}`, { query: strict, headers: apply, body: `${head(name)}${metadata}${text}` }),
  };
}

const deployment = (metadata: string, spec: string) =>
  `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"${metadata}},"spec":{${spec}"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`;

export const fieldValidation = [
  conformance("[sig-api-machinery] FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema", async (c) => {
    const things = await custom(c, undefined);
    const text = "spec:\n  unknown: x\n  cronSpec: '* * * * */5'\n  ports:\n  - name: x\n    containerPort: 80\n    protocol: TCP\n";
    for (const reply of [await things.create("created", text), await things.apply("applied", text)]) {
      assert.equal(reply.status, 201, reply.text);
      assert.match(reply.text, /"unknown":"x"/);
    }
  }),
  conformance("[sig-api-machinery] FieldValidation should create/apply a valid CR for CRD with validation schema", async (c) => {
    const things = await custom(c, schema());
    const text = "spec:\n  cronSpec: '* * * * */5'\n  ports:\n  - hostPort: 1\n    containerPort: 80\n    protocol: TCP\n";
    for (const reply of [await things.create("created", text), await things.apply("applied", text)]) assert.equal(reply.status, 201, reply.text);
  }),
  conformance("[sig-api-machinery] FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema", async (c) => {
    const things = await custom(c, schema());
    const text = "spec:\n  extraProperty: x\n  cronSpec: '* * * * */5'\n  ports:\n  - hostPort: 1\n    containerPort: 80\n    protocol: TCP\n";
    const created = await things.create("created", text);
    assert.equal(created.status, 400, created.text);
    assert.match(created.text, /unknown field \\"spec.extraProperty\\"/);
    const applied = await things.apply("applied", text);
    assert.ok(applied.status >= 400 && applied.status < 500, applied.text);
    assert.match(applied.text, /extraProperty/);
  }),
  conformance("[sig-api-machinery] FieldValidation should detect duplicates in a CR when preserving unknown fields", async (c) => {
    const things = await custom(c, schema({ "x-kubernetes-preserve-unknown-fields": true }));
    const text = "spec:\n  unknown: uk1\n  unknown: uk2\n  cronSpec: a\n  cronSpec: b\n";
    for (const reply of [await things.create("created", text), await things.apply("applied", text)]) {
      assert.equal(reply.status, 400, reply.text);
      assert.match(reply.text, /key \\"unknown\\" already set in map/);
      assert.match(reply.text, /key \\"cronSpec\\" already set in map/);
    }
  }),
  conformance("[sig-api-machinery] FieldValidation should detect unknown and duplicate fields of a typed object", async (c) => {
    const { path } = c.api.of(DEPLOYMENTS, c.namespace);
    const created = await c.api.send("POST", path, { query: strict, body: deployment("", '"unknownField":"x","replicas":1,"replicas":2,') });
    assert.equal(created.status, 400, created.text);
    assert.match(created.text, /unknown field \\"spec.unknownField\\"/);
    assert.match(created.text, /duplicate field \\"spec.replicas\\"/);
    const warned = await c.api.send("POST", path, { query: { fieldValidation: "Warn" }, body: deployment("", '"unknownField":"x",') });
    assert.equal(warned.status, 201, warned.text);
    assert.match(String(warned.headers["warning"]), /299 .*unknown field/);
    assert.doesNotMatch(warned.text, /"unknownField"/);
  }),
  conformance("[sig-api-machinery] FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR", async (c) => {
    const embedded = { type: "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true };
    const things = await custom(c, { type: "object", properties: { spec: { type: "object", properties: { template: embedded } } } });
    const text = "spec:\n  template:\n    apiVersion: foo/v1\n    kind: Sub\n    metadata:\n      name: sub\n      unknownSubMeta: x\n";
    const created = await things.create("created", text, "  unknownMeta: x\n");
    assert.equal(created.status, 400, created.text);
    assert.match(created.text, /unknown field \\"metadata.unknownMeta\\"/);
    assert.match(created.text, /unknown field \\"spec.template.metadata.unknownSubMeta\\"/);
    const applied = await things.apply("applied", text, "  unknownMeta: x\n");
    assert.ok(applied.status >= 400, applied.text);
    assert.match(applied.text, /unknownMeta/);
  }),
  conformance("[sig-api-machinery] FieldValidation should detect unknown metadata fields of a typed object", async (c) => {
    const created = await c.api.send("POST", c.api.of(DEPLOYMENTS, c.namespace).path, { query: strict, body: deployment(',"unknownMeta":"x"', "") });
    assert.equal(created.status, 400, created.text);
    assert.match(created.text, /unknown field \\"metadata.unknownMeta\\"/);
  }),
];

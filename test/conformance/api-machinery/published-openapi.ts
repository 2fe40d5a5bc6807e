/** Custom resources in the published OpenAPI documents, and what kubectl makes of them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CUSTOM_RESOURCE_DEFINITIONS } from "../../../core/api/resources.gen.ts";
import { eventually } from "../../support/eventually.ts";
import type { Api } from "../support/api.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { anything, definition, type Established, establish, untilServed } from "../support/custom-resource.ts";

interface Document {
  readonly definitions: Readonly<Record<string, { readonly description?: string; readonly "x-kubernetes-group-version-kind"?: readonly Gvk[]; readonly properties?: Readonly<Record<string, unknown>> }>>;
}
interface Gvk {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** @returns the schema of a kind in /openapi/v2, whatever its definition is called */
async function published(api: Api, wanted: Gvk) {
  const document = await api.read<Document>("/openapi/v2");
  return Object.values(document.definitions).find((one) => one["x-kubernetes-group-version-kind"]?.some(({ group, version, kind }) => group === wanted.group && version === wanted.version && kind === wanted.kind));
}
const inSpec = (api: Api, wanted: Gvk) => eventually(`${wanted.kind} ${wanted.version} is published`, () => published(api, wanted));
const notInSpec = (api: Api, wanted: Gvk) => eventually(`${wanted.kind} ${wanted.version} is not published`, async () => (await published(api, wanted)) === undefined);

const bars = {
  description: "Foo CRD for Testing",
  type: "object",
  properties: {
    spec: {
      type: "object",
      description: "Specification of Foo",
      properties: {
        bars: {
          type: "array",
          description: "List of Bars and their specs.",
          items: { type: "object", required: ["name"], properties: { name: { type: "string", description: "Name of Bar." }, age: { type: "string", description: "Age of Bar." }, bazs: { type: "array", items: { type: "string" }, description: "List of Bazs." } } },
        },
      },
    },
    status: { type: "object", description: "Status of Foo", properties: { state: { type: "string" } } },
  },
};

/** kubectl with objects of one kind, given as the part below metadata. */
function commands(c: Context, { group, kind, plural }: Established) {
  const folder = mkdtempSync(join(tmpdir(), "conformance-"));
  c.after(() => rmSync(folder, { recursive: true }));
  let count = 0;
  const on = (verb: string) => async (body: object, name = "test-cr") => {
    const path = join(folder, `${count++}.json`);
    writeFileSync(path, JSON.stringify({ apiVersion: `${group}/v1`, kind, metadata: { name, namespace: c.namespace }, ...body }));
    return c.kubectl(verb, "--validate=true", "-f", path);
  };
  return {
    create: on("create"),
    apply: on("apply"),
    remove: (name = "test-cr") => c.kubectl("delete", "-n", c.namespace, `${plural}.${group}`, name),
    explain: (path = "") => c.kubectl("explain", `${plural}.${group}${path}`),
    api: c.api,
    gvk: { group, version: "v1", kind },
  };
}

/** Creates and applies what must be accepted. */
async function accepted({ create, apply, remove }: ReturnType<typeof commands>, body: object): Promise<void> {
  await create(body);
  await remove();
  await apply(body);
  await remove();
}

const two = (c: Context, first: Parameters<typeof definition>[1], second: Parameters<typeof definition>[1]) => Promise.all([establish(c, first), establish(c, second)]);

export const publishedOpenApi = [
  conformance("[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD with validation schema", async (c) => {
    const kubectl = commands(c, await establish(c, { versions: [{ name: "v1", schema: bars }] }));
    assert.equal((await inSpec(c.api, kubectl.gvk)).description, "Foo CRD for Testing");
    await accepted(kubectl, { spec: { bars: [{ name: "test-bar" }] } });
    await assert.rejects(kubectl.create({ spec: { unknown: "x" } }), /unknown field "spec.unknown"/);
    await assert.rejects(kubectl.apply({ spec: { bars: [{ name: "x", unknown: "x" }] } }), /unknown field "spec.bars\[0\].unknown"/);
    await assert.rejects(kubectl.create({ spec: { bars: [{ age: "10" }] } }), /name/);
    assert.match(await kubectl.explain(), /DESCRIPTION:\s+Foo CRD for Testing[^]*FIELDS:[^]*apiVersion[^]*metadata\s+<ObjectMeta>[^]*spec\s+<Object>[^]*Specification of Foo/);
    assert.match(await kubectl.explain(".metadata"), /Standard object's metadata|ObjectMeta/);
    assert.match(await kubectl.explain(".spec.bars"), /List of Bars and their specs.[^]*name\s+<string>\s+-required-[^]*Name of Bar./);
    await assert.rejects(kubectl.explain(".spec.bars2"), /does not exist/);
  }),
  conformance("[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD without validation schema", async (c) => {
    const kubectl = commands(c, await establish(c, {}));
    await inSpec(c.api, kubectl.gvk);
    await accepted(kubectl, { a: { b: "c" }, d: [1] });
    assert.match(await kubectl.explain(), /KIND:\s+Thing/);
  }),
  conformance("[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields at the schema root", async (c) => {
    const kubectl = commands(c, await establish(c, { versions: [{ name: "v1", schema: anything }] }));
    await inSpec(c.api, kubectl.gvk);
    await accepted(kubectl, { unknown: "x", spec: { also: "x" } });
    assert.match(await kubectl.explain(), /KIND:\s+Thing/);
  }),
  conformance("[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields in an embedded object", async (c) => {
    const open = { type: "object", description: "preserve-unknown-properties in nested field for Testing", "x-kubernetes-preserve-unknown-fields": true };
    const kubectl = commands(c, await establish(c, { versions: [{ name: "v1", schema: { type: "object", properties: { spec: open } } }] }));
    await inSpec(c.api, kubectl.gvk);
    await accepted(kubectl, { spec: { unknown: [{ a: "b" }] } });
    assert.match(await kubectl.explain(".spec"), /preserve-unknown-properties in nested field/);
  }),

  conformance("[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of different groups", async (c) => {
    const found = await two(c, { group: `a.${c.unique}.example.com`, versions: [{ name: "v1", schema: bars }] }, { group: `b.${c.unique}.example.com` });
    for (const { group, kind } of found) await inSpec(c.api, { group, version: "v1", kind });
  }),
  conformance("[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group and version but different kinds", async (c) => {
    const found = await two(c, { versions: [{ name: "v1", schema: bars }] }, { plural: "others", kind: "Other" });
    for (const { group, kind } of found) await inSpec(c.api, { group, version: "v1", kind });
  }),
  conformance("[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group but different versions", async (c) => {
    const { group, kind } = await establish(c, { versions: [{ name: "v2", schema: bars }, { name: "v3", schema: bars }] });
    for (const version of ["v2", "v3"]) await inSpec(c.api, { group, version, kind });
    const other = await two(c, { plural: "fours", kind: "Four", versions: [{ name: "v4", schema: bars }] }, { plural: "fives", kind: "Five", versions: [{ name: "v5", schema: bars }] });
    for (const { kind: one, resource } of other) await inSpec(c.api, { group, version: resource.version, kind: one });
  }),
  conformance("[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] removes definition from spec when one version gets changed to not be served", async (c) => {
    const { name, group, kind } = await establish(c, { versions: [{ name: "v1", schema: bars }, { name: "v2", schema: bars }] });
    for (const version of ["v1", "v2"]) await inSpec(c.api, { group, version, kind });
    const before = await published(c.api, { group, version: "v1", kind });
    await c.api.of(CUSTOM_RESOURCE_DEFINITIONS).patch(name, [{ op: "replace", path: "/spec/versions/1/served", value: false }], "json");
    await notInSpec(c.api, { group, version: "v2", kind });
    assert.deepEqual((await published(c.api, { group, version: "v1", kind }))?.properties, before?.properties);
  }),
  conformance("[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] updates the published spec when one version gets renamed", async (c) => {
    const { name, group, kind, plural } = await establish(c, { versions: [{ name: "v2", schema: bars }, { name: "v3", schema: bars }] });
    for (const version of ["v2", "v3"]) await inSpec(c.api, { group, version, kind });
    await c.api.of(CUSTOM_RESOURCE_DEFINITIONS).patch(name, [{ op: "replace", path: "/spec/versions/1/name", value: "v4" }], "json");
    await untilServed(c.api, name, `/apis/${group}/v4/${plural}`);
    await inSpec(c.api, { group, version: "v4", kind });
    await notInSpec(c.api, { group, version: "v3", kind });
    await inSpec(c.api, { group, version: "v2", kind });
  }),
];

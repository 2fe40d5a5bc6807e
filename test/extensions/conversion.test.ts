import test from "ava";
import type { AnyObject } from "../../core/api/meta.ts";
import { CUSTOM_RESOURCE_DEFINITIONS } from "../../core/api/resources.gen.ts";
import { httpsServer } from "./support/https-server.ts";
import { definition, plane, thing, THINGS } from "./support/plane.ts";

interface Review {
  readonly request: { readonly uid: string; readonly desiredAPIVersion: string; readonly objects: readonly (AnyObject & { readonly spec: { readonly size?: number; readonly text?: string } })[] };
}

const V2 = { ...THINGS, version: "v2" };
const target = { namespace: "default", name: "x" };

test("a webhook converts between versions on every read and write", async (t) => {
  const { port, caBundle } = await httpsServer(t, (_, body) => {
    const { uid, desiredAPIVersion, objects } = (JSON.parse(body) as Review).request;
    const convertedObjects = objects.map((object) => ({
      ...object,
      apiVersion: desiredAPIVersion,
      spec: desiredAPIVersion.endsWith("v2") ? { text: String(object.spec.size) } : { size: Number(object.spec.text) },
    }));
    return { body: { apiVersion: "apiextensions.k8s.io/v1", kind: "ConversionReview", response: { uid, result: { status: "Success" }, convertedObjects } } };
  });
  const { client, settled } = await plane(t);
  const version = (name: string, properties: object) => ({ name, served: true, storage: name === "v1", schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties } } } } });
  const versions = [version("v1", { size: { type: "integer" } }), version("v2", { text: { type: "string" } })];
  const conversion = { strategy: "Webhook", webhook: { conversionReviewVersions: ["v1"], clientConfig: { url: `https://localhost:${port}/convert`, caBundle } } };
  await client.create(CUSTOM_RESOURCE_DEFINITIONS, definition({}, { spec: { versions, conversion } }));
  await settled();
  const made = await client.create(V2, thing({ text: "3" }, "x", "example.com/v2"));
  t.deepEqual(made["spec"], { text: "3" });
  t.deepEqual((await client.get(THINGS, target))["spec"], { size: 3 });
  await client.patch(V2, target, { type: "merge", patch: { spec: { text: "4" } } });
  t.deepEqual((await client.list(THINGS)).items.map((each) => each["spec"]), [{ size: 4 }]);
  t.deepEqual((await client.list(V2, { labelSelector: "!none" })).items.map((each) => [each.apiVersion, each["spec"]]), [["example.com/v2", { text: "4" }]]);
  const stop = new AbortController();
  const watch = await client.watch(V2, { signal: stop.signal });
  for await (const events of watch) {
    t.deepEqual(events.map(({ type, object }) => [type, (object as AnyObject)["spec"]]), [["ADDED", { text: "4" }]]);
    break;
  }
  stop.abort();
});

test("a webhook that cannot be asked is named in the answer", async (t) => {
  const { client, settled } = await plane(t);
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const versions = ["v1", "v2"].map((name) => ({ name, served: true, storage: name === "v1", schema }));
  const conversion = { strategy: "Webhook", webhook: { conversionReviewVersions: ["v1"], clientConfig: { service: { namespace: "default", name: "none" } } } };
  await client.create(CUSTOM_RESOURCE_DEFINITIONS, definition({}, { spec: { versions, conversion } }));
  await settled();
  await client.create(THINGS, thing({}));
  await t.throwsAsync(client.get(V2, target), { message: /^conversion webhook for example.com\/v1, Kind=Thing failed: .*service "none" not found$/ });
});

import test from "ava";
import type { AnyObject } from "../../core/api/meta.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, MUTATING_WEBHOOK_CONFIGURATIONS, VALIDATING_ADMISSION_POLICIES, VALIDATING_ADMISSION_POLICY_BINDINGS } from "../../core/api/resources.gen.ts";
import { httpsServer } from "./support/https-server.ts";
import { definition, plane, thing, THINGS } from "./support/plane.ts";

interface Admission {
  readonly kind: "AdmissionReview";
  readonly request: { readonly uid: string; readonly operation: string; readonly object: Thing; readonly oldObject: Thing | null };
}

type Thing = AnyObject & { readonly spec: { readonly size?: number; readonly text?: string } };

interface Review {
  readonly kind: "ConversionReview";
  readonly request: { readonly uid: string; readonly desiredAPIVersion: string; readonly objects: readonly Thing[] };
}

const V2 = { ...THINGS, version: "v2" };
const target = { namespace: "default", name: "x" };

/** v1 has a number, v2 the same as text. */
function convertingServer(t: Parameters<typeof httpsServer>[0], admit: (review: Admission) => object = () => ({})) {
  return httpsServer(t, (_, body) => {
    const given = JSON.parse(body) as Review | Admission;
    if (given.kind === "AdmissionReview") return { body: { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid: given.request.uid, allowed: true, ...admit(given) } } };
    const { uid, desiredAPIVersion, objects } = given.request;
    const convertedObjects = objects.map((object) => ({
      ...object,
      apiVersion: desiredAPIVersion,
      spec: desiredAPIVersion.endsWith("v2") ? { text: String(object.spec.size) } : { size: Number(object.spec.text) },
    }));
    return { body: { apiVersion: "apiextensions.k8s.io/v1", kind: "ConversionReview", response: { uid, result: { status: "Success" }, convertedObjects } } };
  });
}

function twoVersions(url: string, caBundle: string) {
  const version = (name: string, properties: object) => ({ name, served: true, storage: name === "v1", schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties } } } } });
  const versions = [version("v1", { size: { type: "integer" } }), version("v2", { text: { type: "string" } })];
  return definition({}, { spec: { versions, conversion: { strategy: "Webhook", webhook: { conversionReviewVersions: ["v1"], clientConfig: { url, caBundle } } } } });
}

test("a webhook converts between versions on every read and write", async (t) => {
  const { port, caBundle } = await convertingServer(t);
  const { client, settled } = await plane(t);
  await client.create(CUSTOM_RESOURCE_DEFINITIONS, twoVersions(`https://localhost:${port}/convert`, caBundle));
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

test("admission that asks for another version is shown the object as the webhook converts it", async (t) => {
  const seen: unknown[] = [];
  const { port, caBundle } = await convertingServer(t, ({ request }) => {
    seen.push([request.operation, request.object.apiVersion, request.object.spec, request.oldObject?.spec]);
    return { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify([{ op: "replace", path: "/spec/text", value: `${request.object.spec.text}0` }])).toString("base64") };
  });
  const { client, settled } = await plane(t);
  const url = `https://localhost:${port}/`;
  const rules = [{ apiGroups: ["example.com"], apiVersions: ["v2"], operations: ["CREATE", "UPDATE"], resources: ["things"] }];
  const webhook = { name: "w.example.com", clientConfig: { url, caBundle }, rules, sideEffects: "None", admissionReviewVersions: ["v1"] };
  await client.create(CUSTOM_RESOURCE_DEFINITIONS, twoVersions(url, caBundle));
  await client.create(MUTATING_WEBHOOK_CONFIGURATIONS, { apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration", metadata: { name: "test" }, webhooks: [webhook] } as AnyObject);
  const policy = { matchConstraints: { resourceRules: rules }, validations: [{ expression: "object.spec.text != '990'", message: "too much" }] };
  await client.create(VALIDATING_ADMISSION_POLICIES, { apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingAdmissionPolicy", metadata: { name: "test" }, spec: policy } as AnyObject);
  const binding = { policyName: "test", validationActions: ["Deny"] };
  await client.create(VALIDATING_ADMISSION_POLICY_BINDINGS, { apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingAdmissionPolicyBinding", metadata: { name: "test" }, spec: binding } as AnyObject);
  await settled();
  t.deepEqual((await client.create(THINGS, thing({ size: 3 })))["spec"], { size: 30 });
  t.deepEqual((await client.patch(THINGS, target, { type: "merge", patch: { spec: { size: 4 } } })).object["spec"], { size: 40 });
  t.deepEqual(seen, [
    ["CREATE", "example.com/v2", { text: "3" }, undefined],
    ["UPDATE", "example.com/v2", { text: "4" }, { text: "30" }],
  ]);
  await t.throwsAsync(client.patch(THINGS, target, { type: "merge", patch: { spec: { size: 99 } } }), { message: /too much/ });
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

test("a conversion that is none says what is wrong with it", async (t) => {
  let change: (response: { uid: string; convertedObjects: Thing[] }) => object = (response) => response;
  const { port, caBundle } = await httpsServer(t, (_, body) => {
    const { uid, desiredAPIVersion, objects } = (JSON.parse(body) as Review).request;
    const response = { uid, result: { status: "Success" }, convertedObjects: objects.map((object) => ({ ...object, apiVersion: desiredAPIVersion })) };
    return { body: { apiVersion: "apiextensions.k8s.io/v1", kind: "ConversionReview", response: change(response) } };
  });
  const { client, settled } = await plane(t);
  await client.create(CUSTOM_RESOURCE_DEFINITIONS, twoVersions(`https://localhost:${port}/convert`, caBundle));
  await settled();
  const refused = async (how: typeof change) => {
    change = how;
    return (await t.throwsAsync(client.create(V2, thing({ text: "3" }, "x", "example.com/v2"))))?.message.replace("conversion webhook for example.com/v2, Kind=Thing ", "");
  };
  const each = (more: object) => (response: { convertedObjects: Thing[] }) => ({ ...response, convertedObjects: response.convertedObjects.map((object) => ({ ...object, ...more })) });
  t.is(await refused((response) => ({ ...response, result: { status: "Failure", message: "no" } })), "failed: no");
  t.is(await refused((response) => ({ ...response, result: { status: "Failure" } })), "failed: response.result.status was 'Failure', not 'Success'");
  t.regex((await refused((response) => ({ ...response, uid: "u" }))) ?? "", /^failed: expected response.uid="[^"]+", got "u"$/);
  t.is(await refused((response) => ({ ...response, convertedObjects: [] })), "returned 0 objects, expected 1");
  t.is(await refused(each({ apiVersion: "example.com/v2" })), "returned invalid object at index 0: invalid groupVersion (expected example.com/v1, received example.com/v2)");
  t.is(await refused(each({ kind: "Other" })), "returned invalid object at index 0: invalid kind (expected Thing, received Other)");
  t.is(await refused(each({ metadata: { name: "y", namespace: "default" } })), "returned invalid object: must have the same name: x != y");
});

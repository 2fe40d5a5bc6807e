import test from "ava";
import type { AnyObject, ObjectMeta } from "../../core/api/meta.ts";
import { CONFIG_MAPS, NODES } from "../../core/api/resources.gen.ts";
import { ApiError } from "../../core/api/status.ts";
import { birthErrors, metadataUpdateErrors } from "../../core/registry/validate-metadata.ts";
import { kindOf } from "../api/kinds/support.ts";
import { setup } from "./setup.ts";

const inN = { namespace: "n" };
const configMap = kindOf("v1", "ConfigMap");
const service = kindOf("v1", "Service");
const lease = kindOf("coordination.k8s.io/v1", "Lease");
const event = kindOf("v1", "Event");

const fieldsOf = (errors: readonly { readonly field?: string }[]) => errors.map(({ field }) => field);
const old: ObjectMeta = { name: "a", namespace: "n", uid: "u", resourceVersion: "1" };

test("an update is checked by the shared rules and once more by each rule of its kind", (t) => {
  const next = { ...old, labels: { "-a": "b" } };
  const times = (kind: typeof configMap, subresource?: string) => metadataUpdateErrors(kind, next, old, subresource).length;
  t.is(times(configMap), 4);
  t.is(times(service), 3);
  t.is(times(event), 2);
  t.is(times(service, "status"), 3);
});

test("only some kinds know which finalizers there are", (t) => {
  const next = { ...old, finalizers: ["mine"] };
  t.deepEqual(fieldsOf(metadataUpdateErrors(service, next, old, undefined)), ["metadata.finalizers[0]"]);
  t.deepEqual(metadataUpdateErrors(lease, next, old, undefined), []);
  t.deepEqual(birthErrors(lease, next, []), []);
  t.deepEqual(fieldsOf(birthErrors(configMap, next, [])), ["metadata.finalizers[0]"]);
});

test("the shared checks speak up when the kind's own found nothing", (t) => {
  const events = { ...old, labels: { "-a": "b" } };
  const own = { type: "FieldValueRequired", field: "reason", message: "Required value" } as const;
  t.deepEqual(fieldsOf(birthErrors(event, events, [own])), ["reason"]);
  t.deepEqual(fieldsOf(birthErrors(event, events, [])), ["metadata.labels"]);
  t.like(birthErrors(configMap, { ...old, labels: { "a/b/c": "" } }, [])[0], { field: "metadata.labels" });
  t.regex(birthErrors(configMap, { ...old, labels: { "a/b/c": "" } }, [])[0]?.message ?? "", /a valid label key must consist/);
});

test("generateName ends as if letters followed", (t) => {
  t.deepEqual(birthErrors(configMap, { ...old, generateName: "a_-" }, []), []);
  t.deepEqual(fieldsOf(birthErrors(configMap, { ...old, generateName: "a_b-" }, [])), ["metadata.generateName"]);
});

test("a new object may bring a version only on a dry run, or one that is no number", async (t) => {
  const { client } = await setup();
  const made = (resourceVersion: string, dryRun = false) => client.create(CONFIG_MAPS, { metadata: { name: `a${resourceVersion}`, resourceVersion } }, { ...inN, dryRun });
  const error = await t.throwsAsync(made("5"), { instanceOf: ApiError });
  t.is(error?.message, "resourceVersion should not be set on objects to be created");
  t.regex((await made("x")).metadata.resourceVersion ?? "", /^\d+$/);
  await t.notThrowsAsync(made("5", true));
});

test("a status leaves the labels of some kinds alone", async (t) => {
  const { client } = await setup();
  const resource = { group: "storage.k8s.io", version: "v1", plural: "volumeattachments" };
  const spec = { attacher: "a.example", nodeName: "n", source: { persistentVolumeName: "v" } };
  const made = (await client.create(resource, { metadata: { name: "a" }, spec })) as AnyObject;
  const labelled = { ...made, metadata: { ...made.metadata, labels: { a: "b" } }, status: { attached: true } };
  const next = await client.update(resource, { name: "a", subresource: "status" }, labelled);
  t.is(next.metadata.labels, undefined);
  t.like(next, { status: { attached: true } });
  await client.create(NODES, { metadata: { name: "s" } });
  const node = await client.update(NODES, { name: "s", subresource: "status" }, { metadata: { name: "s", labels: { a: "b" } }, status: {} });
  t.deepEqual(node.metadata.labels, { a: "b" });
});

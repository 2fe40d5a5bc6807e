/** Storage: the kinds around volumes, without a volume. */
import assert from "node:assert/strict";
import { CONFIG_MAPS, CSI_DRIVERS, CSI_NODES, CSI_STORAGE_CAPACITIES, PERSISTENT_VOLUMES, PERSISTENT_VOLUME_CLAIMS, PODS, SECRETS, STORAGE_CLASSES, VOLUME_ATTACHMENTS, VOLUME_ATTRIBUTES_CLASSES } from "../../../core/api/resources.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { refusal } from "../support/api.ts";
import { operations, updateFresh } from "../support/operations.ts";

const attachment = (unique: string) => ({ spec: { attacher: "driver.example.com", nodeName: `node-${unique}`, source: { persistentVolumeName: `pv-${unique}` } } });
const immutable = async ({ api, namespace }: Context, resource: typeof CONFIG_MAPS | typeof SECRETS) => {
  const objects = api.of<{ readonly apiVersion: string; readonly kind: string; readonly metadata: { readonly name?: string }; readonly data?: { readonly [key: string]: string }; readonly immutable?: boolean }>(resource, namespace);
  const text = (value: string) => (resource === SECRETS ? Buffer.from(value).toString("base64") : value);
  await objects.create({ metadata: { name: "fixed" }, data: { one: text("1") } });
  await updateFresh(objects, "fixed", (fresh) => ({ ...fresh, data: { one: text("2") } }));
  const fixed = await updateFresh(objects, "fixed", (fresh) => ({ ...fresh, immutable: true }));
  assert.equal(fixed.immutable, true);
  assert.equal((await refusal(objects.update({ ...fixed, data: { one: text("3") } } as typeof fixed))).reason, "Invalid");
  assert.equal((await refusal(objects.update({ ...fixed, immutable: false } as typeof fixed))).reason, "Invalid");
  assert.equal((await refusal(objects.patch("fixed", { immutable: null }))).reason, "Invalid");
  await objects.patch("fixed", { metadata: { labels: { still: "labelled" } } });
  assert.equal((await objects.get("fixed")).data?.["one"], text("2"));
  await objects.delete("fixed");
};

const volume = (name: string) => ({
  metadata: { name, labels: { [name]: "x" } },
  spec: { storageClassName: name, accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, persistentVolumeReclaimPolicy: "Retain", csi: { driver: "driver.example.com", volumeHandle: name } },
});
const claim = (name: string, className: string) => ({
  metadata: { name, labels: { [className]: "x" } },
  spec: { storageClassName: className, accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
});

export const storageApi = [
  conformance("[sig-storage] CSIInlineVolumes should run through the lifecycle of a CSIDriver", (c) =>
    operations(c, { resource: CSI_DRIVERS, object: { spec: { attachRequired: false, podInfoOnMount: true, volumeLifecycleModes: ["Ephemeral"] } } })),

  conformance("[sig-storage] CSIInlineVolumes should support CSIVolumeSource in Pod API", async ({ api, namespace, unique, after }) => {
    const drivers = api.of(CSI_DRIVERS);
    await drivers.create({ metadata: { name: `inline.${unique}` }, spec: { volumeLifecycleModes: ["Ephemeral"] } });
    after(() => drivers.delete(`inline.${unique}`));
    const pods = api.of(PODS, namespace);
    const csi = { driver: `inline.${unique}`, readOnly: true, fsType: "ext4", volumeAttributes: { a: "b" } };
    await pods.create({ metadata: { name: "inline" }, spec: { containers: [{ name: "c", image: "i", volumeMounts: [{ name: "v", mountPath: "/v" }] }], volumes: [{ name: "v", csi }] } });
    assert.deepEqual((await pods.get("inline")).spec?.volumes?.find(({ name }) => name === "v")?.csi, csi);
    const patched = await pods.patch("inline", { metadata: { labels: { patched: "true" } } }, "strategic");
    assert.equal(patched.metadata.labels?.["patched"], "true");
    await pods.delete("inline", { gracePeriodSeconds: 0 });
    await eventually("the pod is gone", async () => (await pods.list()).items.length === 0);
  }),

  conformance("[sig-storage] CSINodes CSI Conformance should run through the lifecycle of a csinode", (c) =>
    operations(c, { resource: CSI_NODES, object: { spec: { drivers: [{ name: "driver.example.com", nodeID: c.unique, topologyKeys: [] }] } } })),

  conformance("[sig-storage] CSIStorageCapacity should support CSIStorageCapacities API operations", (c) =>
    operations(c, { resource: CSI_STORAGE_CAPACITIES, namespaced: true, object: { storageClassName: c.unique, capacity: "10Gi", nodeTopology: { matchLabels: { a: "b" } } }, change: { capacity: "20Gi" } })),

  conformance("[sig-storage] ConfigMap should be immutable if `immutable` field is set", (c) => immutable(c, CONFIG_MAPS)),
  conformance("[sig-storage] Secrets should be immutable if `immutable` field is set", (c) => immutable(c, SECRETS)),

  conformance("[sig-storage] PersistentVolumes CSI Conformance should apply changes to a pv/pvc status", async ({ api, namespace, unique, after }) => {
    const volumes = api.of(PERSISTENT_VOLUMES);
    const claims = api.of(PERSISTENT_VOLUME_CLAIMS, namespace);
    await volumes.create(volume(unique));
    after(async () => {
      await claims.delete("claim");
      await volumes.delete(unique);
    });
    await claims.create(claim("claim", unique));
    await eventually("bound", async () => (await claims.get("claim")).status?.phase === "Bound" && (await volumes.get(unique)).status?.phase === "Bound");
    const condition = { type: "StatusPatched", status: "True", reason: "Conformance", message: "set by a patch" };
    const patchedClaim = await claims.patch("claim", { status: { conditions: [condition] } }, "strategic", "status");
    assert.equal(patchedClaim.status?.conditions?.find(({ type }) => type === "StatusPatched")?.reason, "Conformance");
    const updatedClaim = await updateFresh(claims, "claim", (fresh) => ({ ...fresh, status: { ...fresh.status, conditions: [...(fresh.status?.conditions ?? []), { ...condition, type: "StatusUpdated" }] } }), "status");
    assert.deepEqual(updatedClaim.status?.conditions?.map(({ type }) => type), ["StatusPatched", "StatusUpdated"]);
    const patchedVolume = await volumes.patch(unique, { status: { message: "patched", reason: "Conformance" } }, "merge", "status");
    assert.equal(patchedVolume.status?.message, "patched");
    const updatedVolume = await updateFresh(volumes, unique, (fresh) => ({ ...fresh, status: { ...fresh.status, message: "updated" } }), "status");
    assert.deepEqual([updatedVolume.status?.message, updatedVolume.status?.reason], ["updated", "Conformance"]);
    assert.equal((await volumes.get(unique, "status")).status?.message, "updated");
  }),

  conformance("[sig-storage] PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC", async ({ api, namespace, unique, after }) => {
    const volumes = api.of(PERSISTENT_VOLUMES);
    const claims = api.of(PERSISTENT_VOLUME_CLAIMS, namespace);
    const labelSelector = unique;
    await volumes.create(volume(unique));
    after(() => volumes.deleteCollection({ labelSelector }));
    await claims.create(claim("claim", unique));
    assert.equal((await volumes.list({ labelSelector })).items.length, 1);
    assert.equal((await api.of(PERSISTENT_VOLUME_CLAIMS).list({ labelSelector })).items.length, 1);
    const bound = await eventually("bound to each other", async () => {
      const one = await claims.get("claim");
      return one.status?.phase === "Bound" && one;
    });
    assert.equal(bound.spec?.volumeName, unique);
    assert.equal((await volumes.get(unique)).spec?.claimRef?.uid, bound.metadata.uid);
    assert.equal((await volumes.patch(unique, { metadata: { labels: { patched: "volume" } } })).metadata.labels?.["patched"], "volume");
    assert.equal((await claims.patch("claim", { metadata: { labels: { patched: "claim" } } }, "strategic")).metadata.labels?.["patched"], "claim");
    await claims.delete("claim");
    await eventually("the claim is gone", async () => (await claims.list({ labelSelector })).items.length === 0);
    await eventually("the volume is released", async () => (await volumes.get(unique)).status?.phase === "Released");
    await volumes.delete(unique);
    await eventually("the volume is gone", async () => (await volumes.list({ labelSelector })).items.length === 0);
    await volumes.create(volume(unique));
    await claims.create(claim("second", unique));
    await updateFresh(claims, "second", (fresh) => ({ ...fresh, metadata: { ...fresh.metadata, labels: { ...fresh.metadata.labels, updated: "claim" } } }));
    await updateFresh(volumes, unique, (fresh) => ({ ...fresh, metadata: { ...fresh.metadata, labels: { ...fresh.metadata.labels, updated: "volume" } } }));
    await claims.deleteCollection({ labelSelector });
    await eventually("the claims are gone", async () => (await claims.list({ labelSelector })).items.length === 0);
    await volumes.deleteCollection({ labelSelector });
    await eventually("the volumes are gone", async () => (await volumes.list({ labelSelector })).items.length === 0);
  }),

  conformance("[sig-storage] StorageClasses CSI Conformance should run through the lifecycle of a StorageClass", (c) =>
    operations(c, { resource: STORAGE_CLASSES, object: { provisioner: "driver.example.com", volumeBindingMode: "WaitForFirstConsumer" } })),

  conformance("[sig-storage] VolumeAttachment Conformance should apply changes to a volumeattachment status", async ({ api, unique, after }) => {
    const attachments = api.of(VOLUME_ATTACHMENTS);
    await attachments.create({ metadata: { name: unique }, ...attachment(unique) });
    after(() => attachments.delete(unique));
    const patched = await attachments.patch(unique, { status: { attached: true } }, "merge", "status");
    assert.equal(patched.status?.attached, true);
    const updated = await updateFresh(attachments, unique, (fresh) => ({ ...fresh, status: { attached: false } }), "status");
    assert.equal(updated.status?.attached, false);
    assert.equal((await attachments.get(unique, "status")).status?.attached, false);
  }),

  conformance("[sig-storage] VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment", (c) =>
    operations(c, { resource: VOLUME_ATTACHMENTS, object: attachment(c.unique) })),

  conformance("[sig-storage] VolumeAttributesClass [FeatureGate:VolumeAttributesClass] should run through the lifecycle of a VolumeAttributesClass", (c) =>
    operations(c, { resource: VOLUME_ATTRIBUTES_CLASSES, object: { driverName: "driver.example.com", parameters: { speed: "fast" } } })),
];

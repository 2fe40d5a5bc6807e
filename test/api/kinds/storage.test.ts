import test from "ava";
import type { AnyObject } from "../../../core/api/meta.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../../core/api/types.gen.ts";
import { cells, created, type Given, kindOf, refusals, updateRefusals, warnings, writer } from "./support.ts";

const volume = (spec: object = {}): Given => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/x" }, ...spec },
});
const claim = (spec: object = {}): Given => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  spec: { accessModes: ["ReadWriteOnce"], storageClassName: "c", resources: { requests: { storage: "1Gi" } }, ...spec },
});
const storageClass = (fields: object = {}): Given => ({ apiVersion: "storage.k8s.io/v1", kind: "StorageClass", provisioner: "example.com/p", ...fields });
const driver = (spec: object): Given => ({ apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", spec });
const attachment = (source: object): Given => ({ apiVersion: "storage.k8s.io/v1", kind: "VolumeAttachment", spec: { attacher: "example.com", nodeName: "n", source } });

const SUBDOMAIN = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const wrong: readonly (readonly [title: string, given: Given, refusals: readonly string[]])[] = [
  ["a volume without source", volume({ hostPath: undefined }), ["spec: Required value: must specify a volume type"]],
  ["a volume with two sources", volume({ nfs: { server: "s", path: "/" } }), ["spec.nfs: Forbidden: may not specify more than 1 volume type"]],
  ["a local volume on no node", volume({ hostPath: undefined, local: { path: "/x" } }), ["spec.nodeAffinity: Required value: Local volume requires node affinity"]],
  ["a capacity of something else", volume({ capacity: { cpu: "1" } }), ['spec.capacity: Unsupported value: {"cpu":"1"}: supported values: "storage"']],
  ["no capacity", volume({ capacity: {} }), ["spec.capacity: Required value", 'spec.capacity: Unsupported value: null: supported values: "storage"']],
  ["a disk without a name, under the name that Kubernetes uses", volume({ hostPath: undefined, gcePersistentDisk: { pdName: "" } }), ["spec.persistentDisk.pdName: Required value"]],
  ["secrets of no namespace", volume({ hostPath: undefined, cinder: { volumeID: "v", secretRef: { name: "s" } } }), ["spec.cinder.secretRef.namespace: Required value"]],
  ["endpoints in a namespace of no name", volume({ hostPath: undefined, glusterfs: { endpoints: "e", path: "p", endpointsNamespace: "" } }), ['spec.glusterfs.endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid namespace name']],
  ["a target that is called like none", volume({ hostPath: undefined, iscsi: { targetPortal: "p", iqn: "x", lun: 0 } }), ['spec.iscsi.iqn: Invalid value: "x": must be valid format']],
  ["a topology of everything", storageClass({ allowedTopologies: [{}] }), ['allowedTopologies[0].matchLabelExpressions: Duplicate value: ""']],
  ["a capacity of no place, before one of no class", { apiVersion: "storage.k8s.io/v1", kind: "CSIStorageCapacity", storageClassName: "A", nodeTopology: { matchExpressions: [{ key: "k", operator: "X" }] } }, ['nodeTopology.matchExpressions[0].operator: Invalid value: "X": not a valid selector operator', `storageClassName: Invalid value: "A": ${SUBDOMAIN}`]],
  ["recycling a root", volume({ hostPath: { path: "/" }, persistentVolumeReclaimPolicy: "Recycle" }), ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"]],
  ["a claim for nothing", claim({ resources: { requests: { storage: "0" } } }), ['spec.resources[storage]: Invalid value: "0": must be greater than zero']],
  ["a class of nobody", storageClass({ provisioner: "" }), ["provisioner: Required value"]],
  ["a topology value twice", storageClass({ allowedTopologies: [{ matchLabelExpressions: [{ key: "a", values: ["x", "x"] }] }] }), ['allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "x"']],
  ["an unknown lifecycle", driver({ volumeLifecycleModes: ["X"] }), ['spec.volumeLifecycleModes: Unsupported value: "X": supported values: "Persistent", "Ephemeral"']],
  ["a token for a minute", driver({ tokenRequests: [{ audience: "a", expirationSeconds: 60 }] }), ["spec.tokenRequests[0].expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes"]],
  ["an attachment of nothing", attachment({}), ["spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"]],
  ["tuning without parameters", { apiVersion: "storage.k8s.io/v1", kind: "VolumeAttributesClass", driverName: "d.example.com" }, ["parameters: Required value: must contain at least one key/value pair"]],
  ["a driver twice", { apiVersion: "storage.k8s.io/v1", kind: "CSINode", spec: { drivers: [{ name: "d", nodeID: "a" }, { name: "d", nodeID: "b" }] } }, ['spec.drivers[1].name: Duplicate value: "d"']],
];

for (const [title, given, expected] of wrong) test(`refuses ${title}`, (t) => t.deepEqual(refusals(given), expected));

for (const given of [volume(), claim(), storageClass(), driver({}), attachment({ persistentVolumeName: "v" })]) test(`accepts a plain ${given.kind}`, (t) => t.deepEqual(refusals(given), []));

test("a volume begins pending, and keeps the time of its last phase", (t) => {
  const made = created(volume()) as unknown as PersistentVolume;
  t.deepEqual(made.status, { phase: "Pending", lastPhaseTransitionTime: "1970-01-01T00:00:00Z" });
  t.like(made.spec, { persistentVolumeReclaimPolicy: "Retain", volumeMode: "Filesystem", hostPath: { type: "" } });
  const merge = kindOf("v1", "PersistentVolume").hooks.mergeSubresource?.["status"];
  const later = merge?.({ ...made, status: { ...made.status, phase: "Bound" } } as unknown as AnyObject, made as unknown as AnyObject, { ...writer, now: 60_000 });
  t.deepEqual(later?.status, { phase: "Bound", lastPhaseTransitionTime: "1970-01-01T00:01:00Z" });
});

test("what a claim is filled from stands in both fields", (t) => {
  const ref = { apiGroup: "x.io", kind: "Y", name: "z" };
  const { spec } = created(claim({ dataSourceRef: ref })) as unknown as PersistentVolumeClaim;
  t.deepEqual(spec?.dataSource, ref);
  const unknown = created(claim({ dataSource: ref })) as unknown as PersistentVolumeClaim;
  t.is(unknown.spec?.dataSource, undefined);
});

test("a volume that changes badly is refused as a new one and as a changed one", (t) => {
  const both = updateRefusals(volume(), (object) => ({ ...object, spec: { ...(object["spec"] as object), accessModes: [] } }));
  t.deepEqual(both, ["spec.accessModes: Required value", "spec.accessModes: Required value"]);
});

test("an inline volume says only what and how", (t) => {
  const inline = { accessModes: ["ReadWriteOnce"], csi: { driver: "d", volumeHandle: "v" }, capacity: {}, storageClassName: "c", persistentVolumeReclaimPolicy: "Delete", nodeAffinity: {}, volumeMode: "Block" };
  t.deepEqual(refusals(attachment({ inlineVolumeSpec: inline })), [
    "spec.source.inlineVolumeSpec.persistentVolumeReclaimPolicy: Forbidden: may only be Retain in the context of inline volumes",
    "spec.source.inlineVolumeSpec.nodeAffinity: Forbidden: may not be specified in the context of inline volumes",
    "spec.source.inlineVolumeSpec.storageClassName: Forbidden: may not be specified in the context of inline volumes",
    "spec.source.inlineVolumeSpec.volumeMode: Forbidden: may not specify volumeMode other than Filesystem in the context of inline volumes",
  ]);
});

test("an attachment stays, and is shown as Kubernetes holds it", (t) => {
  const [refusal = ""] = updateRefusals(attachment({ persistentVolumeName: "v" }), (object) => ({ ...object, spec: { ...(object["spec"] as object), nodeName: "m" } }));
  t.is(refusal, 'spec: Invalid value: {"Attacher":"example.com","Source":{"PersistentVolumeName":"v","InlineVolumeSpec":null},"NodeName":"m"}: field is immutable');
});

test("what tunes a volume says first that it stays", (t) => {
  const tuning: Given = { apiVersion: "storage.k8s.io/v1", kind: "VolumeAttributesClass", driverName: "d", parameters: { a: "b" } };
  t.deepEqual(updateRefusals(tuning, (object) => ({ ...object, driverName: "", parameters: {} })), [
    "driverName: Forbidden: updates to driverName are forbidden.",
    "parameters: Forbidden: updates to parameters are forbidden.",
    "driverName: Required value",
    "parameters: Required value: must contain at least one key/value pair",
  ]);
});

const withSpec = (fields: object) => (object: AnyObject) => ({ ...object, spec: { ...(object["spec"] as object), ...fields } });

test("a claim stays as it is", (t) => {
  const [refusal = ""] = updateRefusals(claim(), withSpec({ accessModes: ["ReadOnlyMany"] }));
  t.true(refusal.startsWith("spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n"));
  t.deepEqual(updateRefusals(claim(), withSpec({ volumeName: "v" })), []);
});

test("a class keeps what its volumes were made with", (t) => {
  const change = (object: AnyObject) => ({ ...object, provisioner: "other.example.com/p", reclaimPolicy: "Retain", volumeBindingMode: "WaitForFirstConsumer", allowVolumeExpansion: true });
  t.deepEqual(updateRefusals(storageClass(), change), [
    'provisioner: Invalid value: "other.example.com/p": field is immutable',
    'reclaimPolicy: Invalid value: "Retain": field is immutable',
    'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
  ]);
});

test("recycling warns", (t) => {
  t.deepEqual(warnings(volume({ persistentVolumeReclaimPolicy: "Recycle" })), ["spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning."]);
});

test("tables", (t) => {
  t.like(cells(created(volume({ accessModes: ["ReadWriteMany", "ReadWriteOnce"], claimRef: { namespace: "n", name: "c" } }))), { Capacity: "1Gi", "Access Modes": "RWO,RWX", Claim: "n/c", Status: "Pending" });
  t.like(cells(created(claim({ volumeName: "v" }))), { Volume: "v", Capacity: "0", VolumeAttributesClass: "<unset>", VolumeMode: "Filesystem" });
  t.like(cells(created(storageClass())), { Provisioner: "example.com/p", AllowVolumeExpansion: false });
});

test("a driver of a node stays but for its count, and its topology is of known keys", (t) => {
  const node = (fields: object): Given => ({ apiVersion: "storage.k8s.io/v1", kind: "CSINode", spec: { drivers: [{ name: "d", nodeID: "a", ...fields }] } });
  t.deepEqual(updateRefusals(node({}), (object) => ({ ...object, spec: node({ nodeID: "b" })["spec"] })), [
    'spec.drivers: Invalid value: {"Name":"d","NodeID":"b","TopologyKeys":null,"Allocatable":null}: field is immutable',
  ]);
  t.deepEqual(updateRefusals(node({}), (object) => ({ ...object, spec: node({ allocatable: { count: 5 } })["spec"] })), []);
  t.deepEqual(refusals(node({ topologyKeys: ["a", "a"] })), ['spec.drivers[0]: Duplicate value: "a"']);
});

test("tokens that are not asked for cannot be in secrets", (t) => {
  t.deepEqual(refusals(driver({ serviceAccountTokenInSecrets: true })), ["spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified"]);
  t.is(warnings(driver({ tokenRequests: [{ audience: "a" }] })).length, 1);
});

test("the nodes of a volume stay", (t) => {
  const affinity = (value: string) => ({ nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "k", operator: "In", values: [value] }] }] } } });
  const [refusal = ""] = updateRefusals(volume(affinity("a")), withSpec(affinity("b")));
  t.regex(refusal, /^nodeAffinity: Invalid value: .*field is immutable, except for updating from beta label to GA$/);
});

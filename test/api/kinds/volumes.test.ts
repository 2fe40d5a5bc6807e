import test from "ava";
import type { Pod, PersistentVolumeClaim } from "../../../core/api/types.gen.ts";
import { created, type Given, pod, refusals, updateRefusals } from "./support.ts";

const volumes = (...sources: readonly object[]): Given => pod({ volumes: sources.map((source, index) => ({ name: `v${index}`, ...source })) });
const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };

const wrong: readonly (readonly [title: string, given: Given, refusals: readonly string[]])[] = [
  ["two sources, the first by the order of Kubernetes", volumes({ configMap: { name: "c" }, downwardAPI: {} }), ["spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type"]],
  ["an iSCSI name of another sort", volumes({ iscsi: { targetPortal: "x", iqn: "x", lun: 0 } }), ['spec.volumes[0].iscsi.iqn: Invalid value: "x": must be valid format starting with iqn, eui, or naa']],
  ["no exported path", volumes({ nfs: { server: "s", path: "" } }), ["spec.volumes[0].nfs.path: Required value", 'spec.volumes[0].nfs.path: Invalid value: "": must be an absolute path']],
  ["metadata that a claim cannot have", volumes({ ephemeral: { volumeClaimTemplate: { metadata: { name: "x" }, spec: claim } } }), ["spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set"]],
  ["a claim that the pod makes itself", volumes({ ephemeral: { volumeClaimTemplate: { spec: claim } } }, { persistentVolumeClaim: { claimName: "a-v0" } }), ['spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "a-v0": must not reference a PVC that gets created for an ephemeral volume']],
  ["a token of a minute", volumes({ projected: { sources: [{ serviceAccountToken: { expirationSeconds: 60, path: "" } }] } }), ["spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes", "spec.volumes[0].projected.path: Required value"]],
  ["a file twice", volumes({ projected: { sources: [{ secret: { name: "s", items: [{ key: "a", path: "f" }] } }, { configMap: { name: "c", items: [{ key: "a", path: "f" }] } }] } }), ['spec.volumes[0].projected: Invalid value: "c": conflicting duplicate paths']],
  ["a path of the swap", volumes({ secret: { secretName: "s", items: [{ key: "a", path: "..x" }] } }), ['spec.volumes[0].secret.items[0].path: Invalid value: "..x": must not start with \'..\'']],
];

for (const [title, given, expected] of wrong) test(`refuses ${title}`, (t) => t.deepEqual(refusals(given).filter((one) => !one.includes("serviceAccountName is not set")), expected));

test("a variable from a file needs its emptyDir", (t) => {
  const env = [{ name: "A", valueFrom: { fileKeyRef: { volumeName: "v", path: "p", key: "K" } } }];
  t.deepEqual(refusals(pod({}, { env })), ['spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Not found: "v"']);
  t.deepEqual(refusals(pod({ volumes: [{ name: "v", hostPath: { path: "/" } }] }, { env })), ['spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Invalid value: "v": referenced volume must be of type emptyDir']);
  t.deepEqual(refusals(pod({ volumes: [{ name: "v", emptyDir: {} }] }, { env })), []);
});

test("claims of containers are claims of the pod, each once", (t) => {
  const asking = (...claims: readonly object[]) => refusals(pod({ resourceClaims: [{ name: "a", resourceClaimName: "x" }] }, { resources: { claims } }));
  t.deepEqual(asking({ name: "a", request: "r" }, { name: "a" }), ['spec.containers[0].resources.claims[1]: Duplicate value: "a"']);
  t.deepEqual(asking({ name: "b" }), ['spec.containers[0].resources.claims[0]: Not found: "b": must be one of the names in pod.spec.resourceClaims: a']);
  t.deepEqual(asking({}), ["spec.containers[0].resources.claims[0]: Required value"]);
});

test("fields of features that are off are dropped, defaults of the others filled in", (t) => {
  const { spec } = created(
    pod(
      { schedulingGroup: { podGroupName: "g" }, volumes: [{ name: "p", projected: { sources: [{ clusterTrustBundle: { name: "x", path: "p" } }] } }, { name: "i", image: { reference: "x:1" } }, { name: "e", ephemeral: { volumeClaimTemplate: { spec: claim } } }] },
      { lifecycle: { stopSignal: "SIGTERM" } },
    ),
  ) as unknown as Pod;
  t.is(spec?.schedulingGroup, undefined);
  t.is(spec?.containers[0]?.lifecycle, undefined);
  t.deepEqual(spec?.volumes?.[0]?.projected?.sources, [{}]);
  t.is(spec?.volumes?.[1]?.image?.pullPolicy, "IfNotPresent");
  t.is(spec?.volumes?.[2]?.ephemeral?.volumeClaimTemplate?.spec?.volumeMode, "Filesystem");
});

test("a pod as a whole requests what its containers do, or its limits", (t) => {
  const made = (resources: object, container: object) => (created(pod({ resources }, { resources: container })) as unknown as Pod).spec?.resources;
  t.deepEqual(made({ limits: { cpu: "2", memory: "1Gi" } }, { requests: { cpu: "500m" } })?.requests, { cpu: "500m", memory: "1Gi" });
  t.is(made({}, { requests: { cpu: "1" } })?.requests, undefined);
});

test("one account has two names", (t) => {
  const account = (spec: object) => created(pod(spec)).spec as { serviceAccount?: string; serviceAccountName?: string };
  t.like(account({ serviceAccountName: "a", serviceAccount: "b" }), { serviceAccountName: "a", serviceAccount: "a" });
  t.like(account({ serviceAccount: "b" }), { serviceAccountName: "b", serviceAccount: "b" });
});

const asked = (spec: object): Given => ({ apiVersion: "v1", kind: "PersistentVolumeClaim", spec: { ...claim, ...spec } });

test("both sources of a claim are the same one", (t) => {
  const source = { kind: "PersistentVolumeClaim", name: "x" };
  t.deepEqual(refusals(asked({ dataSource: source, dataSourceRef: { ...source, name: "y" } })), ["spec: Invalid value: {}: must match dataSourceRef"]);
  t.deepEqual(refusals(asked({ dataSourceRef: { name: "y" } })).slice(0, 2), ["spec.dataSource.kind: Required value", 'spec.dataSource: Invalid value: "": must be \'PersistentVolumeClaim\' when referencing the default apiGroup']);
  const far = created(asked({ dataSourceRef: { apiGroup: "x.io", kind: "Y", name: "z", namespace: "other" } })) as unknown as PersistentVolumeClaim;
  t.is(far.spec?.dataSourceRef, undefined);
});

test("the state of a claim is checked", (t) => {
  const said = (status: object) => updateRefusals(asked({}), (object) => ({ ...object, status }), "status");
  t.deepEqual(said({ capacity: { storage: "-1" } }), ['status.capacity[storage]: Invalid value: -1: must be a valid resource quantity']);
  t.deepEqual(said({ allocatedResources: { cpu: "1" } }), ['status.allocatedResources: Unsupported value: "cpu": supported values: "storage"']);
});

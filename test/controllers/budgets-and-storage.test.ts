import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import {
  CERTIFICATE_SIGNING_REQUESTS,
  CONFIG_MAPS,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
  RESOURCE_QUOTAS,
  SECRETS, VOLUME_ATTRIBUTES_CLASSES,
} from "../../core/api/resources.gen.ts";
import type { HorizontalPodAutoscaler, Pod } from "../../core/api/types.gen.ts";
import { limit, propose } from "../../core/controllers/autoscaler-decision.ts";
import { systemEntropy } from "../../core/api/entropy.ts";
import { openPki } from "../../core/auth/pki/pki.ts";
import { certificateCleaning, certificateSigning } from "../../core/controllers/certificates.ts";
import { disruption } from "../../core/controllers/disruption.ts";
import { freeRange, nodeIpam } from "../../core/controllers/node-ipam.ts";
import { replicaSet } from "../../core/controllers/replica-set.ts";
import { resourceQuota } from "../../core/controllers/resource-quota.ts";
import { bootstrapTokenCleaner } from "../../core/controllers/token-cleanup.ts";
import { volumeBinder } from "../../core/controllers/volume-binder.ts";
import { attributesClassProtection, claimProtection, volumeProtection } from "../../core/controllers/volume-protection.ts";
import type { ControlPlane } from "../support/control-plane.ts";
import { allRunning, controlPlane } from "../support/control-plane.ts";

const inDefault = (name: string) => ({ namespace: "default", name });

test("a budget counts what its pods' controllers promise", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(replicaSet, disruption);
  const budget = (name: string, spec: object) =>
    plane.admin.create(POD_DISRUPTION_BUDGETS, { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: inDefault(name), spec: { selector: { matchLabels: { app: "a" } }, ...spec } });
  await budget("one-missing", { maxUnavailable: 1 });
  await budget("half", { minAvailable: "50%" });
  await budget("three", { minAvailable: 3 });
  const status = async (name: string) => (await plane.admin.get(POD_DISRUPTION_BUDGETS, inDefault(name))).status;
  await plane.clock.advance(100);
  t.like(await status("half"), { expectedPods: 0, disruptionsAllowed: 0, conditions: [{ type: "DisruptionAllowed", status: "False", reason: "InsufficientPods" }] });
  const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  await plane.admin.create(REPLICA_SETS, { apiVersion: "apps/v1", kind: "ReplicaSet", metadata: inDefault("a"), spec: { replicas: 4, selector: { matchLabels: { app: "a" } }, template } });
  await plane.clock.advance(100);
  await allRunning(plane);
  await plane.clock.advance(100);
  t.like(await status("one-missing"), { expectedPods: 4, currentHealthy: 4, desiredHealthy: 3, disruptionsAllowed: 1 });
  t.like(await status("half"), { expectedPods: 4, desiredHealthy: 2, disruptionsAllowed: 2 });
  t.like(await status("three"), { expectedPods: 4, desiredHealthy: 3, disruptionsAllowed: 1, conditions: [{ status: "True", reason: "SufficientPods" }] });
  t.deepEqual(plane.complaints, []);
});

test("a quota follows what is made and deleted", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(resourceQuota);
  const hard = { pods: "5", "requests.cpu": "2", "limits.memory": "1Gi", configmaps: "9", "count/leases.coordination.k8s.io": "3", services: "2" };
  await plane.admin.create(RESOURCE_QUOTAS, { apiVersion: "v1", kind: "ResourceQuota", metadata: inDefault("q"), spec: { hard } });
  await plane.admin.create(RESOURCE_QUOTAS, { apiVersion: "v1", kind: "ResourceQuota", metadata: inDefault("best-effort"), spec: { hard: { pods: "1" }, scopes: ["BestEffort"] } });
  const used = async (name = "q") => (await plane.admin.get(RESOURCE_QUOTAS, inDefault(name))).status?.used;
  const resources = { requests: { cpu: "250m" }, limits: { memory: "64Mi" } };
  const containers = [{ name: "a", image: "i", resources }, { name: "b", image: "i", resources }];
  const initContainers = [{ name: "i", image: "i", resources: { requests: { cpu: "1" } } }];
  await plane.admin.create(PODS, { apiVersion: "v1", kind: "Pod", metadata: inDefault("p"), spec: { containers, initContainers } });
  await plane.admin.create(PODS, { apiVersion: "v1", kind: "Pod", metadata: inDefault("plain"), spec: { containers: [{ name: "c", image: "i" }] } });
  await plane.admin.create(CONFIG_MAPS, { apiVersion: "v1", kind: "ConfigMap", metadata: inDefault("c") });
  await plane.clock.advance(100);
  t.deepEqual(await used(), { pods: "2", "requests.cpu": "1", "limits.memory": "128Mi", configmaps: "1", "count/leases.coordination.k8s.io": "0", services: "0" });
  t.deepEqual(await used("best-effort"), { pods: "1" });
  await plane.admin.delete(PODS, inDefault("p"));
  await plane.clock.advance(100);
  t.like(await used(), { pods: "1", "requests.cpu": "0" });
  t.deepEqual(plane.complaints, []);
});

const claim = (name: string, storage: string, more: object = {}) => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: inDefault(name),
  spec: { accessModes: ["ReadWriteOnce"], storageClassName: "", resources: { requests: { storage } }, ...more },
});
const volume = (name: string, storage: string, more: object = {}) => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name },
  spec: { capacity: { storage }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/data" }, persistentVolumeReclaimPolicy: "Retain", ...more },
});
const phase = async ({ admin }: ControlPlane, name: string) => (await admin.get(PERSISTENT_VOLUME_CLAIMS, inDefault(name))).status?.phase;

test("a claim takes the smallest volume that fits, and the volume is released after it", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(volumeBinder, claimProtection, volumeProtection);
  for (const [name, size] of [["big", "10Gi"], ["small", "2Gi"], ["tiny", "1Mi"]] as const) await plane.admin.create(PERSISTENT_VOLUMES, volume(name, size));
  await plane.clock.advance(100);
  await plane.admin.create(PERSISTENT_VOLUME_CLAIMS, claim("c", "1Gi"));
  await plane.admin.create(PERSISTENT_VOLUME_CLAIMS, claim("huge", "1Ti"));
  await plane.clock.advance(100);
  const bound = await plane.admin.get(PERSISTENT_VOLUME_CLAIMS, inDefault("c"));
  t.is(bound.spec?.volumeName, "small");
  t.like(bound.status, { phase: "Bound", capacity: { storage: "2Gi" }, accessModes: ["ReadWriteOnce"] });
  t.is(await phase(plane, "huge"), "Pending");
  const volumePhase = async (name: string) => (await plane.admin.get(PERSISTENT_VOLUMES, { name })).status?.phase;
  t.is(await volumePhase("small"), "Bound");
  t.is(await volumePhase("big"), "Available");
  await plane.admin.delete(PERSISTENT_VOLUME_CLAIMS, inDefault("c"));
  await plane.clock.advance(100);
  t.is(await volumePhase("small"), "Released");
  await plane.admin.create(PERSISTENT_VOLUMES, volume("late", "2Ti"));
  await plane.clock.advance(100);
  t.is(await phase(plane, "huge"), "Bound");
  t.deepEqual(plane.complaints, []);
});

test("a volume whose claim is gone is kept, left to its provisioner, or says that nobody deletes it", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(volumeBinder);
  const made = (policy: string, annotations: object = {}) => ({ ...volume("v", "1Gi", { persistentVolumeReclaimPolicy: policy }), metadata: { name: "v", annotations } });
  for (const [given, wanted] of [
    [made("Retain"), "Released"],
    [made("Delete", { "pv.kubernetes.io/provisioned-by": "example.com/disks" }), "Released"],
    [made("Delete"), "Failed"],
    [made("Recycle"), "Failed"],
  ] as const) {
    await plane.admin.create(PERSISTENT_VOLUMES, given as never);
    await plane.admin.create(PERSISTENT_VOLUME_CLAIMS, claim("c", "1Gi"));
    await plane.clock.advance(100);
    await plane.admin.delete(PERSISTENT_VOLUME_CLAIMS, inDefault("c"));
    await plane.clock.advance(100);
    t.is((await plane.admin.get(PERSISTENT_VOLUMES, { name: "v" })).status?.phase, wanted);
    await plane.admin.delete(PERSISTENT_VOLUMES, { name: "v" });
    await plane.clock.advance(100);
  }
  t.deepEqual(plane.complaints, []);
});

test("a claim that a pod uses outlives its deletion", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(claimProtection);
  await plane.admin.create(PERSISTENT_VOLUME_CLAIMS, claim("c", "1Gi"));
  const volumes = [{ name: "v", persistentVolumeClaim: { claimName: "c" } }];
  await plane.admin.create(PODS, { apiVersion: "v1", kind: "Pod", metadata: inDefault("p"), spec: { nodeName: "n1", volumes, containers: [{ name: "c", image: "i" }] } });
  await plane.clock.advance(100);
  await plane.admin.delete(PERSISTENT_VOLUME_CLAIMS, inDefault("c"));
  await plane.clock.advance(100);
  t.deepEqual((await plane.admin.get(PERSISTENT_VOLUME_CLAIMS, inDefault("c"))).metadata.finalizers, ["kubernetes.io/pvc-protection"]);
  await plane.admin.delete(PODS, inDefault("p"), { gracePeriodSeconds: 0 });
  await plane.clock.advance(100);
  t.is((await plane.admin.list(PERSISTENT_VOLUME_CLAIMS, { namespace: "default" })).items.length, 0);
});

test("an attributes class that a claim names outlives its deletion", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(attributesClassProtection, claimProtection);
  await plane.admin.create(VOLUME_ATTRIBUTES_CLASSES, { apiVersion: "storage.k8s.io/v1", kind: "VolumeAttributesClass", metadata: { name: "gold" }, driverName: "d", parameters: { a: "b" } });
  const { spec, ...rest } = claim("c", "1Gi");
  await plane.admin.create(PERSISTENT_VOLUME_CLAIMS, { ...rest, spec: { ...spec, volumeAttributesClassName: "gold" } });
  await plane.clock.advance(100);
  await plane.admin.delete(VOLUME_ATTRIBUTES_CLASSES, { name: "gold" });
  await plane.clock.advance(100);
  t.deepEqual((await plane.admin.get(VOLUME_ATTRIBUTES_CLASSES, { name: "gold" })).metadata.finalizers, ["kubernetes.io/vac-protection"]);
  await plane.admin.delete(PERSISTENT_VOLUME_CLAIMS, inDefault("c"));
  await plane.clock.advance(100);
  t.is((await plane.admin.list(VOLUME_ATTRIBUTES_CLASSES)).items.length, 0);
  t.deepEqual(plane.complaints, []);
});

test("each node has a pod range of its own, also one that was given back", async (t) => {
  const plane = await controlPlane(t);
  await plane.run((deps) => nodeIpam(deps, { clusterCidr: "10.9.0.0/23", nodeMask: 24 }));
  const make = (name: string) => plane.admin.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name } });
  for (const name of ["a", "b"]) await make(name);
  await plane.clock.advance(100);
  const ranges = async () => (await plane.admin.list(NODES)).items.map(({ spec }) => spec?.podCIDR);
  t.deepEqual((await ranges()).toSorted(), ["10.9.0.0/24", "10.9.1.0/24"]);
  await make("c");
  await plane.clock.advance(100);
  t.is((await plane.admin.get(NODES, { name: "c" })).spec?.podCIDR, undefined);
  await plane.admin.delete(NODES, { name: "a" });
  await plane.clock.advance(120_000);
  t.deepEqual((await ranges()).toSorted(), ["10.9.0.0/24", "10.9.1.0/24"]);
  t.throws(() => freeRange({ clusterCidr: "10.9.0.0", nodeMask: 24 }, () => false), { message: /not an IPv4 network/ });
});

/** Looks like a request from outside; "0" is how a DER sequence begins. */
const requestOf = (text: string) => `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(`0${text}`).toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;

test("approved requests are signed, refused ones say why, old ones go", async (t) => {
  const plane = await controlPlane(t);
  const directory = await mkdtemp(join(tmpdir(), "lichen-"));
  t.teardown(() => rm(directory, { recursive: true }));
  const { caCertificate } = await openPki(directory, plane.clock, systemEntropy);
  const signer = {
    read: () => Promise.reject(new Error("not asked for here")),
    sign: async ({ pem, signerName }: { readonly pem: string; readonly signerName: string }) => {
      if (pem === requestOf("bad")) throw new Error("the request is no PKCS #10 request");
      return `signed ${pem === requestOf("good") ? "good" : "another"} by ${signerName}\n${caCertificate}`;
    },
  };
  await plane.run((deps) => certificateSigning(deps, signer), certificateCleaning);
  const ask = async (name: string, text: string, approve: boolean) => {
    const object = await plane.admin.create(CERTIFICATE_SIGNING_REQUESTS, {
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: { name },
      spec: { request: Buffer.from(requestOf(text)).toString("base64"), signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"] },
    });
    if (!approve) return;
    const conditions = [{ type: "Approved", status: "True", reason: "r", message: "m", lastUpdateTime: "2030-01-01T00:00:00Z" }];
    await plane.admin.update(CERTIFICATE_SIGNING_REQUESTS, { name, subresource: "approval" }, { ...object, status: { conditions } });
  };
  await ask("good", "good", true);
  await ask("bad", "bad", true);
  await ask("waiting", "waiting", false);
  await plane.clock.advance(100);
  const read = (name: string) => plane.admin.get(CERTIFICATE_SIGNING_REQUESTS, { name });
  t.is(Buffer.from((await read("good")).status?.certificate ?? "", "base64").toString(), `signed good by kubernetes.io/kube-apiserver-client\n${caCertificate}`);
  t.like((await read("bad")).status?.conditions?.[1], { type: "Failed", reason: "SignerValidationFailure", message: "the request is no PKCS #10 request" });
  t.is((await read("waiting")).status?.certificate, undefined);
  await plane.clock.advance(3_700_000);
  t.deepEqual((await plane.admin.list(CERTIFICATE_SIGNING_REQUESTS)).items.map(({ metadata }) => metadata.name), ["waiting"]);
  await plane.clock.advance(86_400_000);
  t.is((await plane.admin.list(CERTIFICATE_SIGNING_REQUESTS)).items.length, 0);
});

test("bootstrap tokens go when they expire", async (t) => {
  const plane = await controlPlane(t);
  await plane.run(bootstrapTokenCleaner);
  const expiration = Buffer.from("2030-01-01T00:10:00Z").toString("base64");
  await plane.admin.create(SECRETS, { apiVersion: "v1", kind: "Secret", type: "bootstrap.kubernetes.io/token", metadata: { namespace: "kube-system", name: "t" }, data: { expiration } });
  await plane.clock.advance(590_000);
  t.is((await plane.admin.list(SECRETS, { namespace: "kube-system" })).items.length, 1);
  await plane.clock.advance(20_000);
  t.is((await plane.admin.list(SECRETS, { namespace: "kube-system" })).items.length, 0);
  t.deepEqual(plane.complaints, []);
});

const podNamed = (name: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: { containers: [] },
  status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
});

test("an autoscaler aims at the target and lets unknown pods exaggerate nothing", (t) => {
  const pods = ["a", "b", "c", "d"].map(podNamed);
  const amounts = (usage: { readonly [pod: string]: number }) => ({ usage: new Map(Object.entries(usage)), request: () => 100 });
  t.deepEqual(propose(pods, 4, amounts({ a: 90, b: 90, c: 90, d: 90 }), { utilization: 50 }), { replicas: 8, average: 90 });
  t.deepEqual(propose(pods, 4, amounts({ a: 52, b: 50, c: 53, d: 50 }), { utilization: 50 }), { replicas: 4, average: 51 });
  t.deepEqual(propose(pods, 4, amounts({ a: 10, b: 10, c: 10, d: 10 }), { average: 20 }), { replicas: 2, average: 10 });
  t.is(propose(pods, 4, amounts({ a: 60 }), { utilization: 50 })?.replicas, 4);
  t.is(propose(pods, 4, amounts({}), { utilization: 50 }), undefined);
});

test("an autoscaler grows at a bounded rate, shrinks after five minutes, and keeps to its bounds", (t) => {
  const object: HorizontalPodAutoscaler = {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: {},
    spec: { minReplicas: 2, maxReplicas: 50, scaleTargetRef: { kind: "Deployment", name: "a" } },
  };
  const now = 1_000_000_000;
  const nothing = { recommendations: [], changes: [] };
  t.like(limit(object, 4, 40, nothing, now), { replicas: 8, reason: "ScaleUpLimit" });
  t.like(limit(object, 30, 70, nothing, now), { replicas: 50, reason: "TooManyReplicas" });
  t.like(limit(object, 4, 1, nothing, now), { replicas: 2, reason: "TooFewReplicas" });
  const remembered = { recommendations: [{ at: now - 200_000, replicas: 9 }], changes: [] };
  t.like(limit(object, 9, 3, remembered, now), { replicas: 9, stabilized: "ScaleDownStabilized" });
  t.like(limit(object, 9, 3, { ...remembered, recommendations: [{ at: now - 301_000, replicas: 9 }] }, now), { replicas: 3 });
});

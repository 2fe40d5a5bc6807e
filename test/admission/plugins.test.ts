import test from "ava";
import { findings } from "../../core/admission/pod-security-checks.ts";
import { defaultPlugins } from "../../core/admission/default-plugins.ts";
import type { Lookup } from "../../core/admission/lookup.ts";
import type { Revise } from "../../core/admission/resource-quota.ts";
import { resourceQuota } from "../../core/admission/resource-quota.ts";
import { systemEntropy } from "../../core/api/entropy.ts";
import {
  LIMIT_RANGES,
  NAMESPACES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PODS,
  PRIORITY_CLASSES,
  RESOURCE_QUOTAS,
  RUNTIME_CLASSES,
  SECRETS,
  SERVICE_ACCOUNTS,
  STORAGE_CLASSES,
} from "../../core/api/resources.gen.ts";
import { setup } from "../registry/setup.ts";

async function cluster(more: { readonly quota?: boolean } = {}) {
  const plane = await setup({
    plugins: (lookup: Lookup, revise: Revise) => [
      ...defaultPlugins({ lookup, entropy: systemEntropy }),
      ...(more.quota === true ? [resourceQuota({ lookup, revise, usageOf: () => undefined, inScope: () => true })] : []),
    ],
  });
  await plane.client.create(NAMESPACES, { metadata: { name: "n" } });
  await plane.client.create(SERVICE_ACCOUNTS, { metadata: { name: "default" }, imagePullSecrets: [{ name: "pull" }] }, { namespace: "n" });
  return plane;
}

const inN = { namespace: "n" };
const pod = (spec: object = {}, metadata: object = {}) => ({ metadata: { name: "a", ...metadata }, spec: { containers: [{ name: "c", image: "x" }], ...spec } });

test("a pod gets its account, token, priority and tolerations", async (t) => {
  const { client } = await cluster();
  const { spec } = await client.create(PODS, pod(), inN);
  t.like(spec, { serviceAccountName: "default", priority: 0, preemptionPolicy: "PreemptLowerPriority", imagePullSecrets: [{ name: "pull" }] });
  t.deepEqual(spec?.tolerations?.map(({ key, tolerationSeconds }) => [key, tolerationSeconds]), [
    ["node.kubernetes.io/not-ready", 300],
    ["node.kubernetes.io/unreachable", 300],
  ]);
  const [volume] = spec?.volumes ?? [];
  t.regex(volume?.name ?? "", /^kube-api-access-[a-z0-9]{5}$/);
  t.deepEqual(spec?.containers[0]?.volumeMounts, [{ name: volume?.name, readOnly: true, mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" }] as never);
});

test("a pod that wants no token, or mounts its own, is left alone", async (t) => {
  const { client } = await cluster();
  t.is((await client.create(PODS, pod({ automountServiceAccountToken: false }), inN)).spec?.volumes, undefined);
  const own = [{ name: "v", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" }];
  const made = await client.create(PODS, { metadata: { name: "b" }, spec: { containers: [{ name: "c", image: "x", volumeMounts: own }], volumes: [{ name: "v", emptyDir: {} }] } }, inN);
  t.deepEqual(made.spec?.volumes?.map(({ name }) => name), ["v"]);
  await t.throwsAsync(client.create(PODS, pod({ serviceAccountName: "none" }), inN), {
    message: 'pods "a" is forbidden: error looking up service account n/none: serviceaccount "none" not found',
  });
});

test("nothing is made in a namespace that is missing or going", async (t) => {
  const { client } = await cluster();
  await t.throwsAsync(client.create(SECRETS, { metadata: { name: "a" } }, { namespace: "none" }), { message: 'namespaces "none" not found' });
  await client.patch(NAMESPACES, { name: "n" }, { type: "merge", patch: { metadata: { finalizers: ["x.io/y"] } } });
  await client.delete(NAMESPACES, { name: "n" });
  await t.throwsAsync(client.create(SECRETS, { metadata: { name: "a" } }, inN), { message: /unable to create new content in namespace n because it is being terminated/ });
  await client.create(NAMESPACES, { metadata: { name: "default" } });
  await t.throwsAsync(client.delete(NAMESPACES, { name: "default" }), { message: 'namespaces "default" is forbidden: this namespace may not be deleted' });
});

test("priority and runtime classes become part of the pod", async (t) => {
  const { client } = await cluster();
  await client.create(PRIORITY_CLASSES, { metadata: { name: "high" }, value: 42 });
  await client.create(RUNTIME_CLASSES, {
    metadata: { name: "wasi" },
    handler: "wasi",
    overhead: { podFixed: { cpu: "10m" } },
    scheduling: { nodeSelector: { wasi: "yes" }, tolerations: [{ key: "t" }] },
  });
  const { spec } = await client.create(PODS, pod({ priorityClassName: "high", runtimeClassName: "wasi" }), inN);
  t.like(spec, { priority: 42, overhead: { cpu: "10m" }, nodeSelector: { wasi: "yes" } });
  t.true(spec?.tolerations?.some(({ key }) => key === "t"));
  const refused = [
    [{ priorityClassName: "none" }, /no PriorityClass with name none was found/],
    [{ priority: 7 }, /the integer value of priority \(7\) must not be provided in pod spec/],
    [{ runtimeClassName: "none" }, /pod rejected: RuntimeClass "none" not found/],
    [{ runtimeClassName: "wasi", nodeSelector: { wasi: "no" } }, /conflict: runtimeClass.scheduling.nodeSelector/],
    [{ overhead: { cpu: "1" } }, /Pod Overhead set without corresponding RuntimeClass defined Overhead/],
  ] as const;
  for (const [more, message] of refused) await t.throwsAsync(client.create(PODS, pod(more, { name: "b" }), inN), { message });
});

test("a new node takes no pods yet, and a node's credential reaches itself only", async (t) => {
  const { client, registry } = await cluster();
  t.deepEqual((await client.create(NODES, { metadata: { name: "n1" } })).spec?.taints, [{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }]);
  await client.create(NODES, { metadata: { name: "n2" } });
  await client.create(PODS, pod({ nodeName: "n2" }), inN);
  const device = registry.clientFor({ name: "system:node:n1", groups: ["system:nodes"] });
  const label = (name: string, labels: object) => device.patch(NODES, { name }, { type: "merge", patch: { metadata: { labels } } });
  await label("n1", { "topology.kubernetes.io/zone": "z", "example.com/a": "b" });
  await t.throwsAsync(label("n2", { a: "b" }), { message: /node "n1" is not allowed to modify node "n2"/ });
  await t.throwsAsync(label("n1", { "node-restriction.kubernetes.io/x": "y" }), { message: /is not allowed to modify labels/ });
  await t.throwsAsync(device.patch(NODES, { name: "n1" }, { type: "merge", patch: { spec: { taints: null } } }), { message: /is not allowed to modify taints/ });
  await t.throwsAsync(device.delete(PODS, { ...inN, name: "a" }), { message: /can only delete pods with spec.nodeName set to itself/ });
});

test("a node is judged by all that it asks for, also through a subresource that would not take it over", async (t) => {
  const { client, registry } = await cluster();
  const node = await client.create(NODES, { metadata: { name: "n1" } });
  await client.create(PERSISTENT_VOLUME_CLAIMS, { metadata: { name: "c" }, spec: { storageClassName: "none", accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } }, inN);
  const device = registry.clientFor({ name: "system:node:n1", groups: ["system:nodes"] });
  const status = (patch: object) => device.patch(NODES, { name: "n1", subresource: "status" }, { type: "merge", patch });
  await status({ status: { capacity: { cpu: "1" } } });
  await t.throwsAsync(status({ spec: { taints: [] } }), { message: /is not allowed to modify taints/ });
  await t.throwsAsync(status({ metadata: { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "n1", uid: "u" }] } }), { message: /is not allowed to modify ownerReferences/ });
  const claim = (patch: object) => device.patch(PERSISTENT_VOLUME_CLAIMS, { ...inN, name: "c", subresource: "status" }, { type: "merge", patch });
  await claim({ status: { capacity: { storage: "2Gi" } } });
  await t.throwsAsync(claim({ metadata: { labels: { a: "b" } } }), { message: /is not allowed to update fields other than status.quantity and status.conditions/ });
  const owner = { apiVersion: "v1", kind: "Node", name: "n1", uid: node.metadata.uid ?? "", controller: true };
  const mirror = (name: string, ...ownerReferences: readonly object[]) => {
    const { metadata, ...rest } = pod({ nodeName: "n1" }, { name });
    return device.create(PODS, { ...rest, metadata: { ...metadata, annotations: { "kubernetes.io/config.mirror": "x" }, ownerReferences } }, inN);
  };
  await t.throwsAsync(mirror("m"), { message: /can only create pods with an owner reference set to itself/ });
  await t.throwsAsync(mirror("m", owner, { ...owner, uid: "other" }), { message: /single owner reference/ });
  await t.throwsAsync(mirror("m", { ...owner, controller: undefined }), { message: /controller owner reference set to itself/ });
  await t.throwsAsync(mirror("m", { ...owner, blockOwnerDeletion: true }), { message: /must not set blockOwnerDeletion/ });
  await t.throwsAsync(mirror("m", { ...owner, uid: "wrong" }), { message: /node n1 UID mismatch: expected wrong got/ });
});

test("limit ranges fill in and refuse", async (t) => {
  const { client } = await cluster();
  const limits = [{ type: "Container", default: { cpu: "200m" }, defaultRequest: { cpu: "100m" }, max: { cpu: "1" } }];
  await client.create(LIMIT_RANGES, { metadata: { name: "l" }, spec: { limits } }, inN);
  const made = await client.create(PODS, pod(), inN);
  t.deepEqual(made.spec?.containers[0]?.resources, { limits: { cpu: "200m" }, requests: { cpu: "100m" } });
  t.is(made.metadata.annotations?.["kubernetes.io/limit-ranger"], "LimitRanger plugin set: cpu request for container c; cpu limit for container c");
  const greedy = { containers: [{ name: "c", image: "x", resources: { limits: { cpu: "2" } } }] };
  await t.throwsAsync(client.create(PODS, pod(greedy, { name: "b" }), inN), { message: /maximum cpu usage per Container is 1, but limit is 2/ });
});

test("a quota holds against many at once", async (t) => {
  const { client } = await cluster({ quota: true });
  const made = await client.create(RESOURCE_QUOTAS, { metadata: { name: "q" }, spec: { hard: { secrets: "3" } } }, inN);
  const quota = { ...inN, name: "q", subresource: "status" };
  await t.throwsAsync(client.create(SECRETS, { metadata: { name: "x" } }, inN), { message: /status unknown for quota: q, resources: secrets/ });
  await client.update(RESOURCE_QUOTAS, quota, { ...made, status: { hard: { secrets: "3" }, used: { secrets: "0" } } });
  const tries = Array.from({ length: 10 }, (_, index) => client.create(SECRETS, { metadata: { name: `s${index}` } }, inN));
  const outcomes = await Promise.allSettled(tries);
  t.is(outcomes.filter(({ status }) => status === "fulfilled").length, 3);
  await t.throwsAsync(client.create(SECRETS, { metadata: { name: "y" } }, inN), {
    message: 'secrets "y" is forbidden: exceeded quota: q, requested: secrets=1, used: secrets=3, limited: secrets=3',
  });
});

test("claims get the default class, a finalizer, and room only where the class allows it", async (t) => {
  const { client } = await cluster();
  await client.create(STORAGE_CLASSES, { metadata: { name: "s", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } }, provisioner: "x.io/p" });
  const claim = { metadata: { name: "a" }, spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } };
  const made = await client.create(PERSISTENT_VOLUME_CLAIMS, claim, inN);
  t.is(made.spec?.storageClassName, "s");
  t.deepEqual(made.metadata.finalizers, ["kubernetes.io/pvc-protection"]);
});

test("pod security holds a pod against the rules of the version that is named", (t) => {
  const shown = (version: number, spec: object, annotations = {}) => findings({ level: "restricted", version }, { containers: [{ name: "c", securityContext: { runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] }, seccompProfile: { type: "RuntimeDefault" } } }], ...spec } as never, annotations).map(({ reason }) => reason);
  t.deepEqual(shown(Infinity, {}), []);
  const bare = { containers: [{ name: "c", securityContext: { capabilities: { add: ["SYS_TIME"] } } }] };
  t.deepEqual(shown(7, bare), ["non-default capabilities", "runAsNonRoot != true"]);
  t.deepEqual(shown(22, bare), ["allowPrivilegeEscalation != false", "unrestricted capabilities", "runAsNonRoot != true", "seccompProfile"]);
  const sysctls = { securityContext: { sysctls: [{ name: "net.ipv4.ip_local_reserved_ports", value: "1" }] } };
  t.deepEqual([shown(26, sysctls), shown(27, sysctls)], [["forbidden sysctls"], []]);
  const ownUsers = { hostUsers: false, containers: [{ name: "c", securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] }, seccompProfile: { type: "RuntimeDefault" } } }] };
  t.deepEqual([shown(34, ownUsers), shown(35, ownUsers)], [["runAsNonRoot != true"], []]);
  t.deepEqual(shown(Infinity, {}, { "container.apparmor.security.beta.kubernetes.io/c": "unconfined" }), ["forbidden AppArmor profile"]);
});

test("pod security refuses, warns and looks back", async (t) => {
  const { client } = await cluster();
  const level = (labels: object, warn?: (text: string) => void) =>
    client.patch(NAMESPACES, { name: "n" }, { type: "merge", patch: { metadata: { labels } } }, warn === undefined ? {} : { warn });
  await client.create(PODS, pod({ hostNetwork: true }), inN);
  const warnings: string[] = [];
  await level({ "pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/warn": "restricted" }, (text) => warnings.push(text));
  t.deepEqual(warnings, ['existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:latest"', "a: host namespaces"]);
  await t.throwsAsync(client.create(PODS, pod({ hostPID: true, hostIPC: true }, { name: "b" }), inN), {
    message: 'pods "b" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostPID=true, hostIPC=true)',
  });
  const heard: string[] = [];
  await client.create(PODS, pod({}, { name: "c" }), { ...inN, warn: (text) => heard.push(text) });
  t.is(
    heard[0],
    'would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  );
  await t.throwsAsync(level({ "pod-security.kubernetes.io/enforce": "x" }), { message: /must be one of privileged, baseline, restricted/ });
});

import test from "ava";
import type { LimitRange } from "../../../core/api/types.gen.ts";
import { cells, created, defaulted, kindOf, refusals, updateRefusals, warnings, writer } from "./support.ts";
import type { Given } from "./support.ts";

const of = (apiVersion: string, kind: string, fields: object = {}, metadata: object = {}): Given => ({ apiVersion, kind, metadata, ...fields });
const base64 = (text: string) => Buffer.from(text).toString("base64");
const KEY = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const regarding = { kind: "Pod", name: "p", namespace: "default" };
const eventV1 = (more: object): Given =>
  of("events.k8s.io/v1", "Event", { eventTime: "2020-01-01T00:00:00.000000Z", action: "Do", reason: "Seen", type: "Normal", reportingController: "example.com/x", reportingInstance: "x", regarding, ...more });
const scaled = (more: object): Given => of("autoscaling/v2", "HorizontalPodAutoscaler", { spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "d" }, ...more } });

const wrong: readonly (readonly [title: string, given: Given, refusals: readonly string[]])[] = [
  ["a key with a blank", of("v1", "ConfigMap", { data: { "a b": "" } }), [`data[a b]: Invalid value: "a b": ${KEY}`]],
  ["a key twice", of("v1", "ConfigMap", { data: { k: "" }, binaryData: { k: "" } }), ['data[k]: Invalid value: "k": duplicate of key present in binaryData']],
  ["too much data", of("v1", "ConfigMap", { data: { k: "x".repeat(1_048_577) } }), ["[]: Too long: may not be more than 1048576 bytes"]],
  ["half a key pair", of("v1", "Secret", { type: "kubernetes.io/tls", data: { "tls.crt": "" } }), ["data[tls.key]: Required value"]],
  ["a docker configuration that is no JSON", of("v1", "Secret", { type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": base64("x") } }), ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character \'x\' looking for beginning of value']],
  ["one and a half pods", of("v1", "ResourceQuota", { spec: { hard: { pods: "1500m" } } }), ['spec.hard[pods]: Invalid value: "1500m": must be an integer']],
  ["contradicting scopes", of("v1", "ResourceQuota", { spec: { scopes: ["BestEffort", "NotBestEffort"] } }), ['spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes']],
  ["memory of pods without any", of("v1", "ResourceQuota", { spec: { hard: { memory: "1" }, scopes: ["BestEffort"] } }), ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource']],
  ["a ratio below one", of("v1", "LimitRange", { spec: { limits: [{ type: "Pod", maxLimitRequestRatio: { cpu: "500m" } }] } }), ['spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1']],
  ["a minimum above the maximum", of("v1", "LimitRange", { spec: { limits: [{ type: "Pod", min: { cpu: "2" }, max: { cpu: "1" } }] } }), ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1']],
  ["a taint twice", of("v1", "Node", { spec: { taints: [1, 2].map(() => ({ key: "a", effect: "NoSchedule" })) } }), ['metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair']],
  ["a range that is none", of("v1", "Node", { spec: { podCIDRs: ["x"] } }), ['spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']],
  ["both sides of a budget", of("policy/v1", "PodDisruptionBudget", { spec: { minAvailable: "101%" } }), ['spec.minAvailable: Invalid value: "101%": must not be greater than 100%']],
  ["a priority of the system", of("scheduling.k8s.io/v1", "PriorityClass", { value: 1_000_000_001 }), ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"]],
  ["no handler", of("node.k8s.io/v1", "RuntimeClass", { handler: "" }), ["handler: Required value"]],
  ["a lease of no time", of("coordination.k8s.io/v1", "Lease", { spec: { leaseDurationSeconds: 0 } }), ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"]],
  ["a revision without data", of("apps/v1", "ControllerRevision", { revision: 1 }), ["data: Required value: data is mandatory"]],
  ["an event of an unknown type", eventV1({ type: "X" }), ['type: Invalid value: "": has invalid value: X']],
  ["a long note", eventV1({ note: "x".repeat(1025) }), ['message: Invalid value: "": can have at most 1024 characters']],
  ["fewer than the fewest", scaled({ minReplicas: 4 }), ["spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"]],
  ["a target of no group", scaled({ scaleTargetRef: { kind: "Deployment", name: "d" } }), ['spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group']],
  ["no upper bound", scaled({ maxReplicas: 0, minReplicas: undefined }), ["spec.maxReplicas: Required value: must be set and greater than 0", "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`"]],
  ["a resource that nobody has", of("v1", "ResourceQuota", { spec: { hard: { x: "1" } } }), ['spec.hard[x]: Invalid value: "x": must be a standard resource type or fully qualified', 'spec.hard[x]: Invalid value: "x": must be a standard resource for quota']],
  ["a scope with values", of("v1", "ResourceQuota", { spec: { scopeSelector: { matchExpressions: [{ scopeName: "BestEffort", operator: "In", values: ["x"] }] } } }), ['spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be \'Exists\' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity']],
  ["a taint of no effect", of("v1", "Node", { spec: { taints: [{ key: "a" }] } }), ["metadata.taints[0].effect: Required value"]],
  ["a revision of a list", of("apps/v1", "ControllerRevision", { revision: 1, data: [1] }), ["data: Required value: data must be a valid JSON object"]],
  ["an overhead of something", of("node.k8s.io/v1", "RuntimeClass", { handler: "h", overhead: { podFixed: { cpu: "-1" } } }), ['overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0']],
  ["a window of hours", scaled({ behavior: { scaleDown: { stabilizationWindowSeconds: 4000 } } }), ["spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 4000: must be less than or equal to 3600"]],
];

for (const [title, given, expected] of wrong) test(`refuses ${title}`, (t) => t.deepEqual(refusals(given), expected));

test("what is immutable stays", (t) => {
  const given = of("v1", "Secret", { data: { k: base64("v") }, immutable: true });
  t.deepEqual(updateRefusals(given, (object) => ({ ...object, data: {} })), ["data: Forbidden: field is immutable when `immutable` is set"]);
  t.deepEqual(updateRefusals(of("v1", "Secret"), (object) => ({ ...object, type: "x" })), ['type: Invalid value: "x": field is immutable']);
  t.deepEqual(updateRefusals(of("scheduling.k8s.io/v1", "PriorityClass", { value: 1 }), (object) => ({ ...object, value: 2 })), ["value: Forbidden: may not be changed in an update."]);
  t.deepEqual(updateRefusals(of("node.k8s.io/v1", "RuntimeClass", { handler: "a" }), (object) => ({ ...object, handler: "b" })), ['handler: Invalid value: "b": field is immutable']);
});

test("limits of containers are their defaults", (t) => {
  const { spec } = defaulted(of("v1", "LimitRange", { spec: { limits: [{ type: "Container", max: { cpu: "2" }, min: { memory: "1Mi" } }] } })) as unknown as LimitRange;
  t.like(spec?.limits[0], { default: { cpu: "2" }, defaultRequest: { cpu: "2", memory: "1Mi" } });
});

test("both versions of an autoscaler show the same row", (t) => {
  const target = { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "d" } };
  for (const version of ["v1", "v2"]) {
    const row = cells(created(of(`autoscaling/${version}`, "HorizontalPodAutoscaler", { spec: target })));
    t.like(row, { Reference: "Deployment/d", Targets: "cpu: <unknown>/80%", MinPods: "1", MaxPods: 3, Replicas: 0 });
  }
});

test("both versions of an event show the same row", (t) => {
  const row = { Type: "Normal", Reason: "Seen", Object: "pod/p", Source: "example.com/x, x", Count: 1 };
  t.like(cells(created(eventV1({}))), row);
  const old = of("v1", "Event", { involvedObject: regarding, reason: "Seen", type: "Normal", reportingComponent: "example.com/x", reportingInstance: "x" });
  t.like(cells(created(old)), row);
});

test("a ReplicationController is scaled without a group, and an autoscaler that had none stays", (t) => {
  t.deepEqual(refusals(scaled({ scaleTargetRef: { kind: "ReplicationController", name: "r", apiVersion: "v1" } })), []);
  const old = scaled({ scaleTargetRef: { kind: "Deployment", name: "d" } });
  t.deepEqual(updateRefusals(old, (object) => ({ ...object, spec: { ...(object.spec as object), maxReplicas: 4 } })), []);
});

test("a ServiceAccount keeps the names of its secrets alone", (t) => {
  const made = created(of("v1", "ServiceAccount", { secrets: [{ name: "s", kind: "Secret", namespace: "x" }] }));
  t.deepEqual(made["secrets"], [{ name: "s" }]);
});

test("a Node's first range is that of the list, and its configuration is dropped", (t) => {
  const ranges = (spec: object) => defaulted(of("v1", "Node", { spec })).spec;
  t.deepEqual(ranges({ podCIDR: "10.0.0.0/24" }), { podCIDR: "10.0.0.0/24", podCIDRs: ["10.0.0.0/24"] });
  t.deepEqual(ranges({ podCIDR: "10.0.0.0/24", podCIDRs: ["10.1.0.0/24"] }), { podCIDR: "10.0.0.0/24", podCIDRs: ["10.0.0.0/24"] });
  t.deepEqual(created(of("v1", "Node", { spec: { configSource: { configMap: {} } } })).spec, {});
});

test("a Lease is elected by its holders", (t) => {
  t.deepEqual(created(of("coordination.k8s.io/v1", "Lease", { spec: { strategy: "X", preferredHolder: "y", holderIdentity: "z" } })).spec, { holderIdentity: "z" });
});

test("what nobody can use is warned of", (t) => {
  t.deepEqual(warnings(of("v1", "Secret", { type: "kubernetes.io/tls", data: { "tls.crt": "", "tls.key": "" } })), ["tls: failed to find any PEM data in certificate input"]);
  const pem = (label: string) => base64(`-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`);
  const pair = (crt: string, key: string) => warnings(of("v1", "Secret", { type: "kubernetes.io/tls", data: { "tls.crt": crt, "tls.key": key } }))[0] ?? "";
  t.regex(pair(pem("PRIVATE KEY"), ""), /may have been switched$/);
  t.is(pair(pem("CERTIFICATE"), ""), "tls: failed to find any PEM data in key input");
  t.is(pair(pem("CERTIFICATE"), pem("CERTIFICATE")), "tls: found a certificate rather than a key in the PEM for the private key");
  t.deepEqual(warnings(of("v1", "Secret", { data: {} })), []);
});

test("what an event says stays, and is shown as Kubernetes holds it", (t) => {
  const change = (fields: object) => updateRefusals(eventV1({}), (object) => ({ ...object, ...fields }));
  t.deepEqual(change({ reason: "Other" }), Array.from({ length: 2 }, () => 'reason: Invalid value: "Other": field is immutable'));
  t.deepEqual(change({ deprecatedSource: { host: "h" } }), ['source: Invalid value: {"Component":"","Host":"h"}: field is immutable']);
  t.deepEqual(change({ series: { count: 3, lastObservedTime: "2026-01-01T00:00:00.000000Z" } }), []);
});

test("conditions of a budget, and of a policy, are checked", (t) => {
  const budget = of("policy/v1", "PodDisruptionBudget", { spec: {} });
  const status = { conditions: [{ type: "A", status: "x", reason: "R", lastTransitionTime: "2026-01-01T00:00:00Z" }], disruptionsAllowed: -1 };
  t.deepEqual(updateRefusals(budget, (object) => ({ ...object, status }), "status"), [
    'status.conditions[0].status: Unsupported value: "x": supported values: "False", "True", "Unknown"',
    "status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0",
  ]);
  const policy = of("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", { spec: {} });
  t.deepEqual(updateRefusals(policy, (object) => ({ ...object, status: { typeChecking: { expressionWarnings: [{}] } } }), "status"), [
    "status.typeChecking.expressionWarnings[0].warning: Required value",
    "status.typeChecking.expressionWarnings[0].fieldRef: Required value",
  ]);
});

test("a status of a Node drops old configuration, and its amounts and features are checked", (t) => {
  const node = of("v1", "Node", {});
  const merge = kindOf("v1", "Node").hooks.mergeSubresource?.["status"];
  const merged = merge?.({ ...created(node), status: { config: {}, phase: "Running" } }, created(node), writer);
  t.deepEqual(merged?.status, { phase: "Running" });
  t.deepEqual(updateRefusals(node, (object) => ({ ...object, status: { allocatable: { pods: "-1500m" }, declaredFeatures: ["B", "A", "A"] } }), "status"), [
    'status.allocatable.pods: Invalid value: "-1500m": must be greater than or equal to 0',
    'status.allocatable.pods: Invalid value: "-1500m": must be an integer',
    'status.declaredFeatures[1]: Invalid value: "A": list must be sorted alphabetically',
    'status.declaredFeatures[2]: Duplicate value: "A"',
  ]);
});

test("a runtime class tolerates a taint once", (t) => {
  const toleration = { key: "k", operator: "Exists" };
  t.deepEqual(refusals(of("node.k8s.io/v1", "RuntimeClass", { handler: "h", scheduling: { tolerations: [toleration, toleration] } })), [
    'scheduling.tolerations[1]: Duplicate value: {"Key":"k","Operator":"Exists","Value":"","Effect":"","TolerationSeconds":null}',
  ]);
});

test("only what is not deleted can be mutated", (t) => {
  const rule = { operations: ["DELETE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] };
  const binding = of("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding", { spec: { policyName: "p", matchResources: { resourceRules: [rule] } } });
  t.deepEqual(refusals(binding), ['spec.matchResources.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"']);
});

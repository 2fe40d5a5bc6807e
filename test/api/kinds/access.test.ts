import test from "ava";
import type { AnyObject } from "../../../core/api/meta.ts";
import type { CertificateSigningRequest, ResourceV1ResourceClaim, RoleBinding } from "../../../core/api/types.gen.ts";
import { cells, created, type Given, kindOf, refusals, updateRefusals, writer } from "./support.ts";

const RBAC = "rbac.authorization.k8s.io/v1";
const role = (rule: object, kind = "Role"): Given => ({ apiVersion: RBAC, kind, rules: [rule] });
const binding = (fields: object = {}): Given => ({ apiVersion: RBAC, kind: "RoleBinding", roleRef: { kind: "ClusterRole", name: "view" }, ...fields });
const hook = (fields: object = {}): Given => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  webhooks: [{ name: "a.example.com", clientConfig: { url: "https://h.example.com/x" }, sideEffects: "None", admissionReviewVersions: ["v1"], ...fields }],
});
const constraints = { resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }] };
const policy = (spec: object): Given => ({ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingAdmissionPolicy", spec: { matchConstraints: constraints, validations: [{ expression: "true" }], ...spec } });
const FLOW = "flowcontrol.apiserver.k8s.io/v1";
const flow = (spec: object): Given => ({ apiVersion: FLOW, kind: "FlowSchema", spec: { priorityLevelConfiguration: { name: "x" }, ...spec } });
const level = (spec: object, name = "a"): Given => ({ apiVersion: FLOW, kind: "PriorityLevelConfiguration", metadata: { name }, spec });
const service = (spec: object): Given => ({ apiVersion: "apiregistration.k8s.io/v1", kind: "APIService", metadata: { name: "v1.example.com" }, spec: { group: "example.com", version: "v1", groupPriorityMinimum: 1, versionPriority: 1, ...spec } });
const claim = (...requests: readonly object[]): Given => ({ apiVersion: "resource.k8s.io/v1", kind: "ResourceClaim", spec: { devices: { requests } } });
const pem = Buffer.from(`-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from([0x30, 0]).toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`).toString("base64");
const csr = (spec: object = {}): Given => ({ apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", spec: { request: pem, signerName: "example.com/s", usages: ["client auth"], ...spec } });

const wrong: readonly (readonly [title: string, given: Given, refusals: readonly string[]])[] = [
  ["a rule that allows nothing", role({ apiGroups: [""], resources: ["pods"] }), ["rules[0].verbs: Required value: verbs must contain at least one value"]],
  ["paths in a namespace", role({ verbs: ["get"], nonResourceURLs: ["/x"] }), ['rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs']],
  ["a subject of no kind", binding({ subjects: [{ kind: "X", name: "a" }] }), ['subjects[0].kind: Unsupported value: "X": supported values: "ServiceAccount", "User", "Group"']],
  ["a binding to nothing", binding({ roleRef: {} }), ['roleRef.kind: Unsupported value: "": supported values: "Role", "ClusterRole"', "roleRef.name: Required value"]],
  ["a hook with side effects", hook({ sideEffects: "Some" }), ['webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"']],
  ["a hook in the clear", hook({ clientConfig: { url: "http://h.example.com" } }), ["webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]"]],
  ["everything and more", hook({ rules: [{ apiGroups: ["*", "a"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["*/*", "pods"] }] }), [
    'webhooks[0].rules[0].apiGroups: Invalid value: ["*","a"]: if \'*\' is present, must not specify other API groups',
    'webhooks[0].rules[0].resources: Invalid value: ["*/*","pods"]: if \'*/*\' is present, must not specify other resources',
  ]],
  ["a policy that checks nothing", policy({ validations: [] }), [
    "spec.validations: Required value: validations or auditAnnotations must contain at least one item",
    "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item",
  ]],
  ["a precedence for the exempt", flow({ matchingPrecedence: 1 }), ["spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"]],
  ["a hand larger than the deck", level({ type: "Limited", limited: { limitResponse: { type: "Queue", queuing: { queues: 2, handSize: 3 } } } }), ["spec.limited.limitResponse.queuing.handSize: Invalid value: 3: should not be greater than queues (2)"]],
  ["another catch-all", level({ type: "Limited", limited: { nominalConcurrencyShares: 9, limitResponse: { type: "Reject" } } }, "catch-all"), ['spec: Invalid value: {"type":"Limited","limited":{"nominalConcurrencyShares":9,"limitResponse":{"type":"Reject"},"lendablePercent":0}}: spec of \'catch-all\' must equal the fixed value']],
  ["an API of another name", service({ version: "v2" }), ['metadata.name: Invalid value: "v1.example.com": must be `spec.version+"."+spec.group`: "v2.example.com"']],
  ["a device of no class", claim({ name: "r", exactly: {} }), ["spec.devices.requests[0].exactly.deviceClassName: Required value"]],
  ["a request twice", claim({ name: "r", exactly: { deviceClassName: "a.b" } }, { name: "r", exactly: { deviceClassName: "a.b" } }), ['spec.devices.requests[1]: Duplicate value: "r"']],
  ["a usage twice", csr({ usages: ["client auth", "client auth"] }), ['spec.usages[1]: Duplicate value: "client auth"']],
  ["a certificate for a minute", csr({ expirationSeconds: 60 }), ["spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)"]],
  ["no request", csr({ request: "" }), ['spec.request: Invalid value: "": PEM block type must be CERTIFICATE REQUEST']],
  ["nothing to sign", csr({ request: undefined }), ['spec.request: Invalid value: null: PEM block type must be CERTIFICATE REQUEST']],
];

for (const [title, given, expected] of wrong) test(`refuses ${title}`, (t) => t.deepEqual(refusals(given), expected));

for (const given of [role({ verbs: ["get"], apiGroups: [""], resources: ["pods"] }), binding(), hook(), policy({}), flow({}), level({ type: "Limited", limited: { limitResponse: { type: "Queue", queuing: {} } } }), service({}), csr()]) {
  test(`accepts a plain ${given.kind}`, (t) => t.deepEqual(refusals(given), []));
}

test("subjects and roles get their group", (t) => {
  const { subjects, roleRef } = created(binding({ subjects: [{ kind: "User", name: "u" }, { kind: "ServiceAccount", name: "s", namespace: "n" }] })) as unknown as RoleBinding;
  t.deepEqual([roleRef.apiGroup, ...(subjects ?? []).map(({ apiGroup }) => apiGroup)], ["rbac.authorization.k8s.io", "rbac.authorization.k8s.io", undefined]);
});

test("a binding keeps its role", (t) => {
  const other = (object: AnyObject) => ({ ...object, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "admin" } });
  t.deepEqual(updateRefusals(binding(), other), ['roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"admin"}: cannot change roleRef']);
});

test("who asks for a certificate is who sent the request", (t) => {
  const { hooks } = kindOf("certificates.k8s.io/v1", "CertificateSigningRequest");
  const asked = created(csr({ username: "somebody else" }));
  t.is((asked as unknown as CertificateSigningRequest).spec.username, writer.user.name);
  const changed = hooks.prepareForUpdate?.({ ...asked, spec: {} }, asked, writer);
  t.deepEqual(changed?.["spec"], asked["spec"]);
});

test("a verdict comes by approval, and is one of two", (t) => {
  const condition = (type: string) => ({ type, status: "True" });
  const judged = (...types: readonly string[]) => (object: AnyObject) => ({ ...object, status: { conditions: types.map(condition) } });
  t.deepEqual(updateRefusals(csr(), judged("Approved"), "approval"), []);
  t.deepEqual(updateRefusals(csr(), judged("Approved"), "status"), ['status.conditions: Forbidden: updates may not add a condition of type "Approved"']);
  t.deepEqual(updateRefusals(csr(), judged("Approved", "Denied"), "approval"), ['status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive']);
});

test("a claim asks for one device unless it says otherwise", (t) => {
  const { spec } = created(claim({ name: "r", exactly: { deviceClassName: "a.b", tolerations: [{ key: "k" }] } })) as unknown as ResourceV1ResourceClaim;
  t.like(spec.devices?.requests?.[0]?.exactly, { allocationMode: "ExactCount", count: 1, tolerations: [{ key: "k", operator: "Equal" }] });
});

test("tables", (t) => {
  t.like(cells(created(binding({ subjects: [{ kind: "User", name: "u" }, { kind: "ServiceAccount", name: "s", namespace: "n" }] }))), { Role: "ClusterRole/view", Users: "u", ServiceAccounts: "n/s" });
  t.like(cells(created(csr())), { Condition: "Pending", RequestedDuration: "<none>" });
  t.like(cells(created(service({}))), { Service: "Local", Available: "True" });
  t.like(cells(created(claim())), { State: "pending" });
});

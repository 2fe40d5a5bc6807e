import test from "ava";
import type { Resource } from "../../core/api/client.ts";
import {
  CONFIG_MAPS,
  DEVICE_CLASSES,
  MUTATING_ADMISSION_POLICIES,
  MUTATING_ADMISSION_POLICY_BINDINGS,
  RESOURCE_CLAIMS,
  VALIDATING_ADMISSION_POLICIES,
  VALIDATING_ADMISSION_POLICY_BINDINGS,
} from "../../core/api/resources.gen.ts";
import { causes, type Plane, plane } from "./support/plane.ts";

const matchConstraints = { resourceRules: [{ apiGroups: [""], apiVersions: ["*"], operations: ["CREATE", "UPDATE"], resources: ["configmaps"] }] };
const configMap = (data: object, name = "a") => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data });

async function withPolicy(t: Parameters<typeof plane>[0], kind: "Validating" | "Mutating", spec: object, binding: object = {}): Promise<Plane> {
  const made = await plane(t);
  const [policies, bindings]: readonly [Resource, Resource] =
    kind === "Validating"
      ? [VALIDATING_ADMISSION_POLICIES as Resource, VALIDATING_ADMISSION_POLICY_BINDINGS as Resource]
      : [MUTATING_ADMISSION_POLICIES as Resource, MUTATING_ADMISSION_POLICY_BINDINGS as Resource];
  const apiVersion = "admissionregistration.k8s.io/v1";
  const defaults = kind === "Mutating" ? { reinvocationPolicy: "Never" } : {};
  await made.client.create(policies, { apiVersion, kind: `${kind}AdmissionPolicy`, metadata: { name: "p" }, spec: { matchConstraints, failurePolicy: "Fail", ...defaults, ...spec } });
  const actions = kind === "Validating" ? { validationActions: ["Deny"] } : {};
  await made.client.create(bindings, { apiVersion, kind: `${kind}AdmissionPolicyBinding`, metadata: { name: "b" }, spec: { policyName: "p", ...actions, ...binding } });
  await made.settled();
  return made;
}

const DENIED = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ";

test("variables, conditions and messages of a policy", async (t) => {
  const { client } = await withPolicy(t, "Validating", {
    variables: [{ name: "n", expression: "size(object.data)" }, { name: "twice", expression: "variables.n * 2" }],
    matchConditions: [{ name: "named", expression: "request.name != 'free'" }],
    validations: [{ expression: "variables.twice < 3", messageExpression: "'only ' + string(variables.n)", reason: "Forbidden" }],
  });
  t.is((await client.create(CONFIG_MAPS, configMap({ a: "1", b: "2" }, "free"))).metadata.name, "free");
  const error = await t.throwsAsync(client.create(CONFIG_MAPS, configMap({ a: "1", b: "2" })));
  t.like(error, { message: `configmaps "a" is forbidden: ${DENIED}only 2`, code: 403, reason: "Forbidden" });
  t.is((await client.create(CONFIG_MAPS, configMap({ a: "1" }))).metadata.name, "a");
});

test("each parameter is applied; without one the binding decides", async (t) => {
  const { client } = await withPolicy(
    t,
    "Validating",
    { paramKind: { apiVersion: "v1", kind: "ConfigMap" }, validations: [{ expression: "!('role' in object.data) || object.data.role == params.data.role" }], matchConditions: [{ name: "others", expression: "!object.metadata.name.startsWith('param')" }] },
    { paramRef: { selector: { matchLabels: { param: "yes" } }, parameterNotFoundAction: "Deny" } },
  );
  const missing = await causes(client.create(CONFIG_MAPS, configMap({ role: "a" })));
  t.deepEqual(missing, [`: ${DENIED}failed to configure binding: no params found for policy binding with \`Deny\` parameterNotFoundAction`]);
});

test("warnings do not refuse; an expression that fails does, or not, by failurePolicy", async (t) => {
  const validations = [{ expression: "object.data.none == 'x'" }];
  const strict = await withPolicy(t, "Validating", { validations });
  t.deepEqual(await causes(strict.client.create(CONFIG_MAPS, configMap({ a: "1" }))), [`: ${DENIED}expression 'object.data.none == 'x'' resulted in error: no such key: none`]);
  const lenient = await withPolicy(t, "Validating", { validations, failurePolicy: "Ignore" });
  t.is((await lenient.client.create(CONFIG_MAPS, configMap({ a: "1" }))).metadata.name, "a");
  const warning = await withPolicy(t, "Validating", { validations: [{ expression: "false", message: "careful" }] }, { validationActions: ["Warn", "Audit"] });
  const warnings: string[] = [];
  await warning.client.create(CONFIG_MAPS, configMap({ a: "1" }), { warn: (text) => void warnings.push(text) });
  t.deepEqual(warnings, ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': careful"]);
});

test("a policy asks the authorizer", async (t) => {
  const { client, clientFor } = await withPolicy(t, "Validating", {
    validations: [{ expression: "authorizer.group('').resource('secrets').namespace('default').check('get').allowed() && authorizer.requestResource.check('create').allowed()", message: "may not" }],
  });
  t.is((await client.create(CONFIG_MAPS, configMap({}))).metadata.name, "a");
  const account = await withPolicy(t, "Validating", { validations: [{ expression: "authorizer.serviceAccount('default', 'x').path('/healthz').check('get').allowed()", message: "may not" }] });
  t.deepEqual(await causes(account.client.create(CONFIG_MAPS, configMap({}))), [`: ${DENIED}may not`]);
  t.truthy(clientFor);
});

test("an expression that does not compile is refused with its place", async (t) => {
  const { client } = await plane(t);
  const policy = (expression: string) => ({ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingAdmissionPolicy", metadata: { name: "p" }, spec: { matchConstraints, validations: [{ expression }] } });
  t.deepEqual(await causes(client.create(VALIDATING_ADMISSION_POLICIES, policy("request.nme == 'a'"))), [
    "spec.validations[0].expression: Invalid value: \"request.nme == 'a'\": compilation failed: ERROR: <input>:1:8: undefined field 'nme'\n | request.nme == 'a'\n | .......^",
  ]);
  t.deepEqual(await causes(client.create(VALIDATING_ADMISSION_POLICIES, policy("1 + 1"))), ['spec.validations[0].expression: Invalid value: "1 + 1": must evaluate to bool but got int']);
  t.deepEqual(await causes(client.create(VALIDATING_ADMISSION_POLICIES, policy("object.spec"))), ['spec.validations[0].expression: Invalid value: "object.spec": must evaluate to bool but got dyn']);
  const audited = { ...policy("true"), spec: { ...policy("true").spec, auditAnnotations: [{ key: "k", valueExpression: "1" }] } };
  t.deepEqual(await causes(client.create(VALIDATING_ADMISSION_POLICIES, audited)), ['spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type] but got int']);
  t.deepEqual(await causes(client.create(VALIDATING_ADMISSION_POLICIES, policy("variables.x"))), [
    "spec.validations[0].expression: Invalid value: \"variables.x\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')\n | variables.x\n | ^",
  ]);
  t.deepEqual(await causes(client.create(VALIDATING_ADMISSION_POLICIES, policy("params.x == 1"))), [
    "spec.validations[0].expression: Invalid value: \"params.x == 1\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.x == 1\n | ^",
  ]);
});

test("a mutating policy is told where its own expression is wrong; nothing to change in what goes", async (t) => {
  const { client } = await plane(t);
  const constraints = { resourceRules: [{ ...matchConstraints.resourceRules[0], operations: ["DELETE"] }] };
  const spec = { matchConstraints: constraints, reinvocationPolicy: "Never", mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression: "Object{data: {'v': variables.v}}" } }] };
  const policy = { apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingAdmissionPolicy", metadata: { name: "p" }, spec };
  t.deepEqual(await causes(client.create(MUTATING_ADMISSION_POLICIES, policy)), [
    'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
    "spec.mutations[0].applyConfiguration.expression: Invalid value: \"Object{data: {'v': variables.v}}\": compilation failed: ERROR: <input>:1:29: undefined field 'v'\n | Object{data: {'v': variables.v}}\n | ............................^",
  ]);
});

for (const [title, mutation, why] of [
  ["a field that nobody knows", { patchType: "ApplyConfiguration", applyConfiguration: { expression: "Object{nope: 1}" } }, "error applying patch: failed to convert patch object to typed object: .nope: field not declared in schema"],
  ["nothing to remove", { patchType: "JSONPatch", jsonPatch: { expression: "[JSONPatch{op: 'remove', path: '/metadata/labels'}]" } }, "JSON Patch: error in remove for path: '/metadata/labels': Unable to remove nonexistent key: labels: missing value"],
  ["no parent", { patchType: "JSONPatch", jsonPatch: { expression: "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'c'}]" } }, 'JSON Patch: add operation does not apply: doc is missing path: "/metadata/labels/a~1b": missing value'],
] as const) {
  test(`a mutation that does not fit is refused: ${title}`, async (t) => {
    const { client } = await withPolicy(t, "Mutating", { reinvocationPolicy: "Never", mutations: [mutation] });
    t.deepEqual(await causes(client.create(CONFIG_MAPS, configMap({ a: "1" }))), [`: policy 'p' with binding 'b' denied request: ${why}`]);
  });
}

for (const [patchType, expression, made] of [
  ["ApplyConfiguration", "true ? Object{data: {'a': 'b'}} : Object{}", undefined],
  ["ApplyConfiguration", " object", "must evaluate to Object but got dyn"],
  ["ApplyConfiguration", "[Object{}]", "must evaluate to Object but got list(Object)"],
  ["ApplyConfiguration", "Object.data{}", "must evaluate to Object but got Object.data"],
  ["JSONPatch", "true ? [JSONPatch{op: 'test'}] : []", undefined],
  ["JSONPatch", "[]", "must evaluate to list(JSONPatch) but got list(dyn)"],
  ["JSONPatch", "1", "must evaluate to list(JSONPatch) but got int"],
] as const) {
  test(`what a mutation makes: ${patchType} ${expression}`, async (t) => {
    const { client } = await plane(t);
    const mutation = { patchType, [patchType === "JSONPatch" ? "jsonPatch" : "applyConfiguration"]: { expression } };
    const policy = { metadata: { name: "p" }, spec: { matchConstraints, reinvocationPolicy: "Never", mutations: [mutation] } };
    const created = client.create(MUTATING_ADMISSION_POLICIES, policy as unknown as Parameters<typeof client.create>[1]);
    if (made === undefined) await t.notThrowsAsync(created);
    else t.true((await causes(created)).some((cause) => cause.endsWith(`Invalid value: ${JSON.stringify(expression.trim())}: ${made}`)));
  });
}

test("mistakes of expressions stand among the others of an object", async (t) => {
  const { client } = await plane(t);
  const config = [{ opaque: { driver: "no_", parameters: {} } }];
  const fields = async (create: Promise<unknown>) => (await causes(create)).map((cause) => cause.split(":")[0]);
  const spec = { selectors: [{}, { cel: { expression: "x" } }], config };
  t.deepEqual(await fields(client.create(DEVICE_CLASSES, { metadata: { name: "c" }, spec } as never)), ["spec.selectors[0].cel", "spec.selectors[1].cel.expression", "spec.config[0].opaque.driver"]);
});

test("an expression that cannot choose a device is refused", async (t) => {
  const { client } = await plane(t);
  const selectors = (expression: string) => [{ cel: { expression } }];
  const found = (create: Promise<unknown>) => causes(create).then((list) => list.map((text) => text.split("\n")[0]));
  const classOf = (expression: string) => client.create(DEVICE_CLASSES, { metadata: { name: expression.length.toString() }, spec: { selectors: selectors(expression) } });
  t.deepEqual(await found(classOf("1 + 1")), ['spec.selectors[0].cel.expression: Invalid value: "1 + 1": must evaluate to bool or the unknown type, not int']);
  t.deepEqual(await found(classOf("devic.driver == 'd'")), [
    "spec.selectors[0].cel.expression: Invalid value: \"devic.driver == 'd'\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'devic' (in container '')",
  ]);
  t.truthy(await classOf("device.driver == 'd' && device.attributes['d'].fast && device.capacity['d'].memory.compareTo(quantity('1Gi')) > 0"));
  const claim = { metadata: { name: "c", namespace: "default" }, spec: { devices: { requests: [{ name: "r", exactly: { deviceClassName: "x", selectors: selectors("x") } }] } } };
  t.deepEqual(await found(client.create(RESOURCE_CLAIMS, claim, { namespace: "default" })), [
    "spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: \"x\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'x' (in container '')",
  ]);
});

test("what is null or missing around an expression is no mistake of the expression", async (t) => {
  const { client } = await plane(t);
  for (const spec of [undefined, { selectors: null }, { selectors: [{ cel: null }] }]) {
    const found = await causes(client.create(DEVICE_CLASSES, { metadata: { name: "a" }, spec } as never, { dryRun: true }));
    t.false(found.some((text) => text.includes("compilation failed")), JSON.stringify(spec));
  }
  for (const requests of [null, [{ name: "r" }], [{ name: "r", exactly: null, firstAvailable: [{ name: "s" }] }]]) {
    const claim = { metadata: { name: "c" }, spec: { devices: { requests } } };
    const found = await causes(client.create(RESOURCE_CLAIMS, claim as never, { namespace: "default", dryRun: true }));
    t.false(found.some((text) => text.includes("compilation failed")), JSON.stringify(requests));
  }
  const empty = { metadata: { name: "p" }, spec: { matchConstraints, validations: [{ expression: "" }] } };
  t.deepEqual(await causes(client.create(VALIDATING_ADMISSION_POLICIES, empty)), ["spec.validations[0].expression: Required value: expression is not specified"]);
});

test("mutating policies apply configurations and patches, each seeing what came before", async (t) => {
  const { client } = await withPolicy(t, "Mutating", {
    variables: [{ name: "who", expression: "request.userInfo.username" }],
    mutations: [
      { patchType: "ApplyConfiguration", applyConfiguration: { expression: 'Object{metadata: Object.metadata{labels: {"by": variables.who}}, data: {"copy": object.data.k}}' } },
      { patchType: "JSONPatch", jsonPatch: { expression: '[JSONPatch{op: "test", path: "/data/copy", value: "v"}, JSONPatch{op: "add", path: "/data/again", value: object.data.copy}]' } },
      { patchType: "JSONPatch", jsonPatch: { expression: '[JSONPatch{op: "test", path: "/data/copy", value: "other"}, JSONPatch{op: "remove", path: "/data/k"}]' } },
    ],
  });
  const made = await client.create(CONFIG_MAPS, configMap({ k: "v" }));
  t.deepEqual([made.data, made.metadata.labels], [{ again: "v", copy: "v", k: "v" }, { by: "admin" }]);
});

test("the status says which expressions do not fit the types that a policy names", async (t) => {
  const { client, settled } = await withPolicy(t, "Validating", {
    matchConstraints: { resourceRules: [{ apiGroups: ["apps"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["deployments"] }] },
    validations: [{ expression: "object.spec.replicas < 3 && object.metadata.name.startsWith('a')" }, { expression: "object.spec.replics > 1" }],
  });
  await settled();
  const { status } = await client.get(VALIDATING_ADMISSION_POLICIES, { name: "p" });
  t.deepEqual(status, {
    observedGeneration: 1,
    typeChecking: {
      expressionWarnings: [
        { fieldRef: "spec.validations[1].expression", warning: "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replics'\n | object.spec.replics > 1\n | ...........^\n" },
      ],
    },
  });
});

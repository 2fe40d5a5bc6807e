import test from "ava";
import { decodeBody } from "../../../core/api/schema/decode-body.ts";
import { parseYaml } from "../../../core/api/schema/parse-yaml.ts";
import { decodeValue } from "../../../core/api/schema/decode.ts";
import { applyDefaults } from "../../../core/api/schema/defaults.ts";
import { types } from "../../../core/api/schema/facts.ts";
import type { Field, ObjectType } from "../../../core/api/schema/schema.ts";
import { ApiError } from "../../../core/api/status.ts";

const model = (name: string) => types().get(`io.k8s.api.${name}`);
const pod = model("core.v1.Pod");

const wrong: readonly (readonly [string, unknown, string])[] = [
  ["core.v1.Pod", { spec: "x" }, "json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec"],
  ["core.v1.Pod", { spec: { hostNetwork: "true" } }, "json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool"],
  [
    "core.v1.Pod",
    { spec: { containers: [{ args: [1] }] } },
    "json: cannot unmarshal number into Go struct field Container.spec.containers.args of type string",
  ],
  ["core.v1.Pod", { spec: { containers: {} } }, "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container"],
  [
    "core.v1.Pod",
    { spec: { containers: [{ imagePullPolicy: 1 }] } },
    "json: cannot unmarshal number into Go struct field Container.spec.containers.imagePullPolicy of type v1.PullPolicy",
  ],
  ["core.v1.Pod", { metadata: { labels: ["a"] } }, "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string"],
  ["apps.v1.Deployment", { spec: { replicas: 3e9 } }, "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32"],
  ["apps.v1.Deployment", { spec: { replicas: 1.5 } }, "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"],
  ["core.v1.Service", { spec: { ports: [{ targetPort: true }] } }, "json: cannot unmarshal bool into Go struct field ServicePort.spec.ports.targetPort of type int32"],
  ["core.v1.Secret", { data: { a: "*" } }, "illegal base64 data at input byte 0"],
];

for (const [name, value, message] of wrong) {
  test(`wrong type in ${name}: ${message}`, (t) => {
    t.is(t.throws(() => decodeValue(model(name), value), { instanceOf: ApiError })?.message, message);
  });
}

test("unknown fields are dropped and named in the order of the document", (t) => {
  const { value, problems } = decodeValue(model("apps.v1.Deployment"), {
    spec: { template: { spec: { containers: [{ name: "c", foo: 1 }] } }, bar: 2 },
    baz: 3,
  });
  t.deepEqual(problems, ['unknown field "spec.template.spec.containers[0].foo"', 'unknown field "spec.bar"', 'unknown field "baz"']);
  t.false(JSON.stringify(value).includes("foo"));
});

test("empty values are written as Go's encoder does", (t) => {
  const { value } = decodeValue(pod, {
    metadata: { name: "a", labels: {}, annotations: null, creationTimestamp: null },
    spec: { containers: [{ name: "c", command: [], stdin: false, securityContext: { runAsUser: 0, privileged: false } }], hostNetwork: false },
  });
  t.deepEqual(value, {
    metadata: { name: "a" },
    spec: { containers: [{ name: "c", resources: {}, securityContext: { privileged: false, runAsUser: 0 } }] },
    status: {},
  });
  t.deepEqual(decodeValue(model("rbac.v1.Role"), { metadata: {} }).value, { metadata: {}, rules: null });
  t.deepEqual(decodeValue(model("rbac.v1.Role"), { rules: [] }).value, { metadata: {}, rules: [] });
});

test("null in a list or map is the zero value", (t) => {
  const { value } = decodeValue(model("core.v1.ConfigMap"), { data: { a: null, b: "x" } });
  t.deepEqual(value["data"], { a: "", b: "x" });
  const containers = decodeValue(model("core.v1.PodSpec"), { containers: [null] }).value["containers"];
  t.deepEqual(containers, [{ name: "", resources: {} }]);
});

test("quantities, times and map keys come out in one form", (t) => {
  const { value } = decodeValue(pod, {
    metadata: { labels: { b: "1", a: "2" }, deletionTimestamp: "2020-01-01T01:00:00+01:00" },
    spec: { containers: [{ name: "c", resources: { limits: { memory: "1024Mi", cpu: 0.5 } } }] },
  });
  t.is(JSON.stringify(value["metadata"]), '{"deletionTimestamp":"2020-01-01T00:00:00Z","labels":{"a":"2","b":"1"}}');
  t.is(JSON.stringify(value["spec"]), '{"containers":[{"name":"c","resources":{"limits":{"cpu":"500m","memory":"1Gi"}}}]}');
});

test("what was decoded decodes to itself", (t) => {
  for (const name of types().names()) {
    const type = types().get(name);
    const once = decodeValue(type, {}).value;
    t.deepEqual(decodeValue(type, once), { value: once, problems: [] }, name);
  }
});

test("a field that has the name of an object's method is unknown like any other", (t) => {
  const { problems } = decodeValue(pod, JSON.parse('{"constructor":1,"__proto__":{"spec":1},"toString":2}'));
  t.deepEqual(problems, ['unknown field "constructor"', 'unknown field "__proto__"', 'unknown field "toString"']);
});

test("a body cannot make a million objects out of two bytes each", (t) => {
  const containers = Array.from({ length: 400_000 }, () => ({}));
  t.throws(() => decodeValue(pod, { spec: { containers } }), { instanceOf: ApiError, message: /more than/ });
});

test("the schema of a custom resource is pruned inside its either-or types", (t) => {
  const type = types().get("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps");
  const { value } = decodeValue(type, { items: { type: "string", nonsense: 1 }, additionalProperties: true, default: { any: [1, null] } });
  t.deepEqual(value, { items: { type: "string" }, additionalProperties: true, default: { any: [1, null] } });
});

const expected = { group: "", version: "v1", kind: "Pod", schema: pod };

test("a body without kind and version is what the route expects", (t) => {
  t.like(decodeBody(expected, { metadata: { name: "a" } }), { apiVersion: "v1", kind: "Pod", metadata: { name: "a" } });
});

test("strictness decides about problems", (t) => {
  const body = { metadata: {}, foo: 1 };
  const problems = ['duplicate field "spec"'];
  const strict = t.throws(() => decodeBody(expected, body, { fieldValidation: "Strict", problems }), { instanceOf: ApiError });
  t.is(strict?.message, 'Pod in version "v1" cannot be handled as a Pod: strict decoding error: duplicate field "spec", unknown field "foo"');
  const warnings: string[] = [];
  decodeBody(expected, body, { fieldValidation: "Warn", problems, warn: (text) => warnings.push(text) });
  t.deepEqual(warnings, ['duplicate field "spec"', 'unknown field "foo"']);
  decodeBody(expected, body, { fieldValidation: "Ignore", warn: () => t.fail() });
});

test("repeated and unknown fields come in the order of the document", (t) => {
  const body = { metadata: { name: "a", zz: 1 }, spec: { containers: [{ image: "x", yy: 1 }, { image: "y" }] } };
  const problems = ['duplicate field "metadata.name"', 'duplicate field "spec.containers[1].image"'];
  const warnings: string[] = [];
  decodeBody(expected, body, { fieldValidation: "Warn", problems, warn: (text) => warnings.push(text) });
  t.deepEqual(warnings, ['duplicate field "metadata.name"', 'unknown field "metadata.zz"', 'unknown field "spec.containers[0].yy"', 'duplicate field "spec.containers[1].image"']);
});

const schemaOf = (group: string, version: string, kind: string) =>
  group === "" && version === "v1" && kind === "Secret" ? model("core.v1.Secret") : undefined;

const refused: readonly (readonly [unknown, RegExp])[] = [
  [[], /^the object provided is unrecognized \(must be of type Pod\).*cannot unmarshal array/],
  [null, /unrecognized/],
  [{ kind: "Pod", apiVersion: "v2" }, /^Pod in version "v2" cannot be handled as a Pod: no kind "Pod" is registered for version "v2" in scheme "k8s.io\/kubernetes\/pkg\/api\/legacyscheme\/scheme.go:30"$/],
  [{ kind: "Pod", apiVersion: "apps/v1beta1" }, /^the API version in the data \(apps\/v1beta1\) does not match the expected API version \(v1\)$/],
  [{ kind: "Nothing", apiVersion: "v1" }, /^Nothing in version "v1" cannot be handled as a Pod: no kind "Nothing" is registered/],
  [{ kind: "Secret", apiVersion: "v1" }, /^Secret in version "v1" cannot be handled as a Pod: converting \(v1.Secret\) to \(core.Pod\): unknown conversion$/],
  [{ kind: "SecretList", apiVersion: "v1" }, /converting \(v1.SecretList\) to \(core.Pod\): unknown conversion$/],
  [{ kind: "Secret", apiVersion: "v1", data: { a: "*" } }, /cannot be handled as a Pod: illegal base64/],
];

for (const [body, message] of refused) {
  test(`a pod is not ${JSON.stringify(body)}`, (t) => {
    t.throws(() => decodeBody(expected, body, { schemaOf }), { instanceOf: ApiError, message });
  });
}

test("defaults of the table are set at every depth, and nothing else is copied", (t) => {
  const service = { spec: { ports: [{ port: 80 }, { port: 53, protocol: "UDP" }] }, status: {} };
  const after = applyDefaults(model("core.v1.Service"), service);
  t.deepEqual(after.spec.ports as unknown, [{ port: 80, protocol: "TCP" }, { port: 53, protocol: "UDP" }]);
  t.is(after.status, service.status);
  t.is(applyDefaults(model("core.v1.Service"), after), after);
});

test("a default is a value of its own in each object", (t) => {
  const field: Field = { name: "a", type: { kind: "special", special: "JSON" }, number: undefined, required: false, default: { deep: [] } };
  const type: ObjectType = { name: "Thing", fields: new Map([["a", field]]), atomic: false, preserveUnknown: true };
  const one: { a?: unknown } = applyDefaults(type, {});
  const two: { a?: unknown } = applyDefaults(type, {});
  t.deepEqual(one.a, { deep: [] });
  t.not(one.a, two.a);
  t.deepEqual(applyDefaults(type, { a: null as unknown, kept: 1 }), { a: { deep: [] }, kept: 1 });
});

test("a type that keeps unknown fields keeps them", (t) => {
  const type: ObjectType = { name: "Thing", fields: new Map(), atomic: false, preserveUnknown: true };
  t.deepEqual(decodeValue(type, { a: { b: 1 } }), { value: { a: { b: 1 } }, problems: [] });
});

test("errors name the structures that are written into others", (t) => {
  const messageOf = (spec: object) => t.throws(() => decodeBody(expected, { spec }), { instanceOf: ApiError })?.message ?? "";
  t.regex(messageOf({ ephemeralContainers: [{ livenessProbe: { exec: { command: {} } } }] }), / ExecAction\.spec\.ephemeralContainers\.EphemeralContainerCommon\.livenessProbe\.ProbeHandler\.exec\.command of type \[\]string$/);
  t.regex(messageOf({ volumes: [{ configMap: { name: 5 } }] }), / ConfigMapVolumeSource\.spec\.volumes\.VolumeSource\.configMap\.LocalObjectReference\.name of type string$/);
  t.regex(messageOf({ activeDeadlineSeconds: 1e30 }), /cannot unmarshal number 1e\+30 into/);
});

test("what the reader of YAML found is one error, and its keys are read in order", (t) => {
  const { value, problems } = parseYaml("spec: {}\nspec: {}\nfoo: 1\nbar: 1\n");
  const strict = t.throws(() => decodeBody(expected, value, { fieldValidation: "Strict", problems }), { instanceOf: ApiError });
  t.is(
    strict?.message,
    'Pod in version "v1" cannot be handled as a Pod: strict decoding error: yaml: unmarshal errors:\n  line 2: key "spec" already set in map, unknown field "bar", unknown field "foo"',
  );
});

test("what a value shares with a decoded one is taken as it is, and everything else is decoded", (t) => {
  const before = decodeValue(pod, { metadata: { name: "a", labels: { b: "1" } }, spec: { containers: [{ name: "c", resources: { limits: { cpu: "0.5" } } }] } }).value;
  const { metadata, spec } = before as { metadata: object; spec: object };
  const next = decodeValue(pod, { ...before, metadata: { ...metadata, labels: { z: "1", a: "2" } }, status: { phase: "Running", unknown: 1 } }, before);
  t.is(next.value["spec"], spec);
  t.deepEqual(Object.keys((next.value["metadata"] as { labels: object }).labels), ["a", "z"]);
  t.deepEqual(next.problems, ['unknown field "status.unknown"']);
  // the same object in another place is of another type
  t.throws(() => decodeValue(pod, { ...before, status: { conditions: spec } }, before));
  t.throws(() => decodeValue(pod, { ...before, spec: { ...spec, hostNetwork: "yes" } }, before));
});

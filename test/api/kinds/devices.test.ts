import test from "ava";
import type { AnyObject } from "../../../core/api/meta.ts";
import type { ResourceSlice } from "../../../core/api/types.gen.ts";
import { created, type Given, refusals, updateRefusals } from "./support.ts";

const of = (kind: string, spec: object): Given => ({ apiVersion: "resource.k8s.io/v1", kind, spec });
const claim = (devices: object) => of("ResourceClaim", { devices });
const request = (more: object = {}) => ({ name: "r", exactly: { deviceClassName: "c", ...more } });
const slice = (more: object): Given => of("ResourceSlice", { driver: "d.example", pool: { name: "p", resourceSliceCount: 1 }, nodeName: "n", ...more });
const device = (more: object) => slice({ devices: [{ name: "a", ...more }] });
const ONE_VALUE = "spec.devices[0].attributes[x]: Invalid value";

const wrong: readonly (readonly [title: string, given: Given, refusals: readonly string[]])[] = [
  ["a constraint on nothing", claim({ requests: [request()], constraints: [{}] }), ['spec.devices.constraints[0]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set']],
  ["an attribute without domain", claim({ requests: [request()], constraints: [{ matchAttribute: "a" }] }), ['spec.devices.constraints[0].matchAttribute: Invalid value: "a": a fully qualified name must be a domain and a name separated by a slash']],
  ["an attribute of no domain", claim({ requests: [request()], constraints: [{ matchAttribute: "/a" }] }), ['spec.devices.constraints[0].matchAttribute: Invalid value: "": the domain must not be empty']],
  ["too many requests, and looks no further", claim({ requests: Array.from({ length: 33 }, () => ({})) }), ["spec.devices.requests: Too many: 33: must have at most 32 items"]],
  ["a name for what is made of a template", of("ResourceClaimTemplate", { metadata: { name: "a", uid: "u" }, spec: {} }), ["spec.metadata.name: Forbidden: cannot be set", "spec.metadata.uID: Forbidden: cannot be set"]],
  ["an attribute without value", device({ attributes: { x: {} } }), [`${ONE_VALUE}: "": exactly one value must be specified`]],
  ["an attribute of two values", device({ attributes: { x: { int: 1, bool: true } } }), [`${ONE_VALUE}: {"IntValue":1,"BoolValue":true,"StringValue":null,"VersionValue":null,"IntValues":null,"BoolValues":null,"StringValues":null,"VersionValues":null}: exactly one value must be specified`]],
  ["a share of what is given whole", device({ capacity: { m: { value: "1Gi", requestPolicy: {} } } }), ["spec.devices[0].capacity[m].requestPolicy: Forbidden: allowMultipleAllocations must be true"]],
  ["a node of one device where the slice has one", device({ nodeName: "n" }), ["spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec"]],
  ["failures without conditions", device({ bindingFailureConditions: ["a"] }), ["spec.devices[0].bindingConditions: Invalid value: null: bindingConditions are required to use bindingFailureConditions"]],
  ["a condition that is a failure, too", device({ bindingConditions: ["a"], bindingFailureConditions: ["a"] }), ['spec.devices[0].bindingFailureConditions[0]: Invalid value: "a": bindingFailureConditions must not overlap with bindingConditions']],
];

for (const [title, given, expected] of wrong) test(`refuses ${title}`, (t) => t.deepEqual(refusals(given), expected));

test("accepts a claim and a slice", (t) => {
  t.deepEqual(refusals(claim({ requests: [request({ tolerations: [{ value: "v" }] })], constraints: [{ requests: ["r"], matchAttribute: "d.example/a" }] })), []);
  t.deepEqual(refusals(device({ attributes: { "d.example/x": { version: "1.0.0" } }, capacity: { m: { value: "1Gi" } } })), []);
});

test("what a claim asks for stays, and is not judged again", (t) => {
  const [refusal = "", ...more] = updateRefusals(claim({ requests: [request()] }), (object) => ({ ...object, spec: { devices: { requests: [{ name: "Bad_" }] } } }));
  t.is(refusal, 'spec: Invalid value: {"Devices":{"Requests":[{"Name":"Bad_","Exactly":null,"FirstAvailable":null}],"Constraints":null,"Config":null}}: field is immutable');
  t.deepEqual(more, []);
});

test("an allocation names requests of the claim, and drivers report on what was allocated", (t) => {
  const result = { request: "r", driver: "d", pool: "p", device: "a" };
  const status = (fields: object) => updateRefusals(claim({ requests: [request()] }), (object: AnyObject) => ({ ...object, status: fields }), "status");
  t.deepEqual(status({ allocation: { devices: { results: [result] } }, devices: [{ driver: "d", pool: "p", device: "a", networkData: { ips: ["10.0.0.1/24"] } }] }), []);
  t.deepEqual(status({ allocation: { devices: { results: [{ ...result, request: "x" }] } } }), [
    'status.allocation.devices.results[0].request: Invalid value: "x": must be the name of a request in the claim or the name of a request and a subrequest separated by \'/\'',
  ]);
  t.deepEqual(status({ devices: [{ driver: "d", pool: "p", device: "b", networkData: { ips: ["10.0.0.1", "10.0.0.1/08"] } }] }), [
    'status.devices[0]: Invalid value: {"Driver":"d","Pool":"p","Device":"b","ShareID":""}: must be an allocated device in the claim',
    'status.devices[0].networkData.ips[0]: Invalid value: "10.0.0.1": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
    'status.devices[0].networkData.ips[1]: Invalid value: "10.0.0.1/08": must be in canonical form ("10.0.0.1/8")',
  ]);
});

test("what is not switched on is dropped", (t) => {
  const { spec } = created(device({ attributes: { x: { ints: [1], int: 2 } }, nodeAllocatableResourceMappings: { cpu: {} } })) as unknown as ResourceSlice;
  t.deepEqual(spec.devices?.[0], { name: "a", attributes: { x: { int: 2 } } });
});

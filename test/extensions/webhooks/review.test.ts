import test from "ava";
import { UnreachableError } from "../../../core/extensions/webhooks/endpoint.ts";
import { readAnswer } from "../../../core/extensions/webhooks/review.ts";

const head = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" };
const review = (response: object, more: object = {}) => ({ ...head, response: { uid: "u", allowed: true, ...response }, ...more });
const base64 = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64");
const read = (answer: unknown, { mutating = true, version = "v1" }: { readonly mutating?: boolean; readonly version?: "v1" | "v1beta1" } = {}) => readAnswer(answer, { version, uid: "u", mutating });

test("what is no answer to the review says how", (t) => {
  const wrong = (answer: unknown, mutating = true) => t.throws(() => read(answer, { mutating }).operations(), { instanceOf: UnreachableError }).message;
  const invalid = "received invalid webhook response: ";
  t.is(wrong(head), `${invalid}webhook response was absent`);
  t.is(wrong(review({ uid: "other" })), `${invalid}expected response.uid="u", got "other"`);
  t.is(wrong({ response: { uid: "u", allowed: true } }), `${invalid}expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind=`);
  t.regex(wrong(review({}, { kind: "Foo" })), /^failed to call webhook: no kind "Foo" is registered for version "admission.k8s.io\/v1"/);
  t.is(wrong(review({ patch: base64([]) })), `${invalid}webhook returned response.patch but not response.patchType`);
  t.is(wrong(review({ patchType: "JSONPatch" })), `${invalid}webhook returned response.patchType but not response.patch`);
  t.is(wrong(review({ patch: base64([{}]), patchType: "JSONPatch" }), false), `${invalid}validating webhook may not return response.patch`);
  t.is(wrong(review({ patchType: "JSONPatch" }), false), `${invalid}validating webhook may not return response.patchType`);
  t.is(wrong(review({ patch: "???", patchType: "JSONPatch" })), "failed to call webhook: illegal base64 data at input byte 0");
  t.is(wrong(review({ patch: base64([{ op: "add" }]), patchType: "Merge" })), 'unsupported patch type "Merge"');
  t.regex(wrong(review({ patch: base64("no json"), patchType: "JSONPatch" })), /^received undecodable patch in webhook response: /);
  t.regex(wrong(review({ patch: base64({ a: 1 }), patchType: "JSONPatch" })), /cannot unmarshal object into Go value of type jsonpatch.Patch/);
});

test("a refusal is read before its patch, and the older version is not checked", (t) => {
  t.like(read(review({ allowed: false, patch: base64("no json"), patchType: "JSONPatch" })), { allowed: false });
  const old = { response: { allowed: true, patch: base64([{ op: "remove", path: "/x" }]) } };
  t.deepEqual(read(old, { version: "v1beta1" }).operations(), [{ op: "remove", path: "/x" }]);
  t.deepEqual(read(old, { version: "v1beta1", mutating: false }).operations(), []);
});

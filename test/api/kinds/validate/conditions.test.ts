import test from "ava";
import { validateConditions } from "../../../../core/api/kinds/validate/conditions.ts";
import type { Errors } from "../../../../core/api/kinds/validate/errors.ts";
import type { Condition } from "../../../../core/api/types.gen.ts";

const good: Condition = { type: "Ready", status: "True", reason: "AsExpected", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" };

const wrong = (...conditions: readonly object[]) => {
  const errors: Errors = [];
  validateConditions(errors, "status.conditions", conditions as readonly Condition[]);
  return errors.map(({ field, type }) => `${field} ${type}`);
};

test("a condition that is complete is accepted", (t) => t.deepEqual(wrong(good, { ...good, type: "example.com/Other" }), []));

test("each field has its rule", (t) => {
  t.deepEqual(wrong(good, good), ["status.conditions[1].type FieldValueDuplicate"]);
  t.deepEqual(wrong({ ...good, type: "a b" }), ["status.conditions[0].type FieldValueInvalid"]);
  t.deepEqual(wrong({ ...good, status: "Maybe" }), ["status.conditions[0].status FieldValueNotSupported"]);
  t.deepEqual(wrong({ ...good, observedGeneration: -1 }), ["status.conditions[0].observedGeneration FieldValueInvalid"]);
  t.deepEqual(wrong({ ...good, lastTransitionTime: null }), ["status.conditions[0].lastTransitionTime FieldValueRequired"]);
  t.deepEqual(wrong({ ...good, reason: "" }), ["status.conditions[0].reason FieldValueRequired"]);
  t.deepEqual(wrong({ ...good, reason: "1st" }), ["status.conditions[0].reason FieldValueInvalid"]);
  t.deepEqual(wrong({ ...good, reason: "a".repeat(1025) }), ["status.conditions[0].reason FieldValueTooLong"]);
  t.deepEqual(wrong({ ...good, message: "a".repeat(32 * 1024 + 1) }), ["status.conditions[0].message FieldValueTooLong"]);
});

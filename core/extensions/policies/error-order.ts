/** Errors of expressions among the others of their object: where Kubernetes, which looks at fields in this order, has them. */
import type { FieldError } from "../../api/status.ts";

/** Fields of one structure in their order; the structures share no two names in another one. */
const ORDER = [
  "failurePolicy", "paramKind", "matchConstraints", "matchConditions", "variables", "validations", "auditAnnotations", "mutations", "reinvocationPolicy",
  "requests", "constraints", "deviceClassName", "selectors", "allocationMode", "count", "adminAccess", "tolerations", "capacity", "config", "extendedResourceName",
  "patchType", "applyConfiguration", "jsonPatch", "expression", "messageExpression", "message", "reason",
];

/** Both lists keep their order. */
export function amongOthers(found: readonly FieldError[], more: readonly FieldError[]): readonly FieldError[] {
  const all = [...found];
  for (const one of more) {
    const next = all.findIndex((other) => !more.includes(other) && comesAfter(other.field, one.field));
    all.splice(next < 0 ? all.length : next, 0, one);
  }
  return all;
}

function comesAfter(field: string, other: string): boolean {
  const [a, b] = [stepsOf(field), stepsOf(other)];
  const at = a.findIndex((step, index) => step !== b[index]);
  // that a structure must stay as it is is said when the rest has been
  if (at < 0) return a.length < b.length;
  const [left = "", right = ""] = [a[at], b[at]];
  if (/^\d+$/.test(left) && /^\d+$/.test(right)) return Number(left) > Number(right);
  // of a condition the expression is looked at first, of a variable the name
  if (left === "name" && right === "expression") return a.includes("matchConditions");
  return ORDER.includes(right) && ORDER.indexOf(left) > ORDER.indexOf(right);
}

const stepsOf = (field: string) => field.split(/[.[\]]+/);

/**
 * SubjectAccessReview and its two relatives: the question "may this user do that?" as an object that is answered instead of
 * stored (authorization.k8s.io/v1).
 */
import type { AnyObject } from "../../api/meta.ts";
import { check, forbidden, invalid as invalidValue, required } from "../../api/kinds/validate/errors.ts";
import { labelValue, qualifiedName } from "../../api/names.ts";
import type { FieldError } from "../../api/status.ts";
import { invalid } from "../../api/status.ts";
import type { ResourceAttributes, SubjectAccessReviewSpec } from "../../api/types.gen.ts";
import type { User } from "../../api/user.ts";
import type { Attributes } from "../../auth/auth.ts";
import type { CreateHandler } from "../virtual.ts";

type Asker = "other" | "self" | "local";

export const subjectAccessReview = review("other");
export const selfSubjectAccessReview = review("self");
export const localSubjectAccessReview = review("local");

function review(asker: Asker): CreateHandler {
  return async ({ context, user, namespace, object }) => {
    const spec = (object.spec ?? {}) as SubjectAccessReviewSpec;
    const errors = validate(spec, asker, namespace);
    // The kind is missing in the answer of Kubernetes, too.
    if (errors.length > 0) throw invalid({ group: "authorization.k8s.io", kind: "" }, "", errors);
    const subject: User = asker === "self" ? user : subjectOf(spec);
    const decision = await context.authorizer.authorize(questionOf(subject, spec));
    return {
      ...object,
      status: {
        allowed: decision.allowed,
        ...(!decision.allowed && decision.denied ? { denied: true } : {}),
        ...(decision.reason === "" ? {} : { reason: decision.reason }),
        ...selectorProblem(spec.resourceAttributes),
      },
    } as AnyObject;
  };
}

function subjectOf({ user = "", uid, groups = [], extra }: SubjectAccessReviewSpec): User {
  return { name: user, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
}

function questionOf(user: User, { resourceAttributes, nonResourceAttributes }: SubjectAccessReviewSpec): Attributes {
  if (resourceAttributes === undefined) return { user, verb: nonResourceAttributes?.verb ?? "", path: nonResourceAttributes?.path ?? "" };
  const { verb = "", group = "", version = "", resource = "", subresource, namespace, name } = resourceAttributes;
  const fieldSelector = resourceAttributes.fieldSelector?.rawSelector;
  const labelSelector = resourceAttributes.labelSelector?.rawSelector;
  return { user, verb, resource: { group, version, plural: resource, subresource, namespace, name, fieldSelector, labelSelector } };
}

const OPERATORS = new Set(["In", "NotIn", "Exists", "DoesNotExist"]);

function selectorProblem(resource: ResourceAttributes | undefined): { readonly evaluationError?: string } {
  for (const field of ["fieldSelector", "labelSelector"] as const) {
    if (resource?.[field]?.requirements?.some(({ operator }) => !OPERATORS.has(operator)) === true) {
      return { evaluationError: `spec.resourceAttributes.${field} ignored due to parse error` };
    }
  }
  return {};
}

function validate(spec: SubjectAccessReviewSpec, asker: Asker, namespace: string | undefined): readonly FieldError[] {
  const errors: FieldError[] = [];
  const wrong = (field: string, value: unknown, why: string) =>
    errors.push({ type: "FieldValueInvalid", field, message: `Invalid value: ${JSON.stringify(value)}: ${why}` });
  const { resourceAttributes: resource, nonResourceAttributes: path, user = "", groups = [] } = spec;
  for (const field of ["fieldSelector", "labelSelector"] as const) checkSelector(errors, `spec.resourceAttributes.${field}`, resource?.[field], field === "labelSelector");
  if (resource !== undefined && path !== undefined) {
    wrong("spec.nonResourceAttributes", { Path: path.path ?? "", Verb: path.verb ?? "" }, "cannot be specified in combination with resourceAttributes");
  }
  if (resource === undefined && path === undefined) {
    wrong("spec.resourceAttributes", null, "exactly one of nonResourceAttributes or resourceAttributes must be specified");
  }
  if (asker !== "self" && user === "" && groups.length === 0) wrong("spec.user", "", "at least one of user or group must be specified");
  if (asker !== "local") return errors;
  if (resource !== undefined && resource.namespace !== namespace) {
    wrong("spec.resourceAttributes.namespace", resource.namespace ?? "", "must match metadata.namespace");
  }
  if (path !== undefined) wrong("spec.nonResourceAttributes", { Path: path.path ?? "", Verb: path.verb ?? "" }, "disallowed on this kind of request");
  return errors;
}

interface SelectorAttributes {
  readonly rawSelector?: string;
  readonly requirements?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}

/** Operators that nobody knows are let through: a newer client may know them. */
function checkSelector(errors: FieldError[], at: string, selector: SelectorAttributes | undefined, ofLabels: boolean): void {
  if (selector === undefined) return;
  const { rawSelector = "", requirements = [] } = selector;
  if (rawSelector !== "" && requirements.length > 0) invalidValue(errors, `${at}.rawSelector`, rawSelector, "may not specified at the same time as requirements");
  if (rawSelector === "" && requirements.length === 0) required(errors, `${at}.requirements`, `when ${at} is specified, requirements or rawSelector is required`);
  for (const [index, { key, operator, values = [] }] of requirements.entries()) {
    const place = `${at}.requirements[${index}]`;
    if ((operator === "In" || operator === "NotIn") && values.length === 0) required(errors, `${place}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
    if ((operator === "Exists" || operator === "DoesNotExist") && values.length > 0) forbidden(errors, `${place}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    if (!ofLabels) {
      if (key === "") required(errors, `${place}.key`, "must be specified");
      continue;
    }
    check(errors, `${place}.key`, key, qualifiedName);
    for (const [number, value] of values.entries()) check(errors, `${place}.values[${number}]`, value, labelValue);
  }
}

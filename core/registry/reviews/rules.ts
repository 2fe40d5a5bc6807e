/** SelfSubjectRulesReview: all that the caller may do in a namespace, as far as the authorizers can list it. */
import type { AnyObject } from "../../api/meta.ts";
import { badRequest } from "../../api/status.ts";
import type { CreateHandler } from "../virtual.ts";

export const selfSubjectRulesReview: CreateHandler = async ({ context, user, object }) => {
  const { namespace = "" } = (object.spec ?? {}) as { readonly namespace?: string };
  if (namespace === "") throw badRequest("no namespace on request");
  const rules = (await context.authorizer.rulesFor?.(user, namespace)) ?? { resourceRules: [], nonResourceRules: [], incomplete: true };
  return { ...object, spec: {}, status: rules } as AnyObject;
};

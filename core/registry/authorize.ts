/** The first step of every verb: may this user do this? The refusal names user, verb, resource and place. */
import { forbidden as forbiddenBecause } from "../admission/forbidden.ts";
import type { Kind } from "../api/kinds.ts";
import type { ApiError } from "../api/status.ts";
import type { User } from "../api/user.ts";
import type { Context } from "./context.ts";

export interface Asked {
  readonly user: User;
  readonly verb: string;
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** @throws ApiError "Forbidden" */
export async function authorize(context: Context, { user, verb, kind, ...given }: Asked): Promise<void> {
  const { group, version, plural } = kind;
  // a namespace is in itself: a role there may allow what is done with it
  const asked = plural === "namespaces" && given.name !== undefined ? { ...given, namespace: given.namespace ?? given.name } : given;
  const decision = await context.authorizer.authorize({ user, verb, resource: { group, version, plural, ...asked } });
  if (!decision.allowed) throw forbidden(user, verb, kind, asked, decision.reason);
}

function forbidden(user: User, verb: string, kind: Kind, asked: Omit<Asked, "user" | "verb" | "kind">, reason: string): ApiError {
  const { group, plural } = kind;
  const resource = asked.subresource === undefined ? plural : `${plural}/${asked.subresource}`;
  const { namespace } = asked;
  const place = namespace === undefined || namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const why = reason === "" ? "" : `: ${reason}`;
  return forbiddenBecause(
    kind,
    asked.name,
    `User "${user.name}" cannot ${verb} resource "${resource}" in API group "${group}" ${place}${why}`,
    undefined,
    true,
  );
}

/** 403 answers of the HTTP layer itself, worded as apiserver does (those of resources are made by the registry). */
import { ApiError } from "../api/status.ts";
import type { User } from "../api/user.ts";
import type { Attributes, Authorizer } from "../auth/auth.ts";

/** @throws ApiError Forbidden */
export async function mustBeAllowed(authorizer: Authorizer, attributes: Attributes): Promise<void> {
  const decision = await authorizer.authorize(attributes);
  if (decision.allowed) return;
  const because = decision.reason === "" ? "" : `: ${decision.reason}`;
  throw "path" in attributes
    ? new ApiError("Forbidden", `forbidden: User ${quoted(attributes.user)} cannot ${attributes.verb} path ${JSON.stringify(attributes.path)}${because}`, { details: {}, atTheDoor: true })
    : forbiddenResource(attributes, because);
}

type ResourceAttributes = Extract<Attributes, { readonly resource: unknown }>;

function forbiddenResource({ user, verb, resource }: ResourceAttributes, because: string): ApiError {
  const qualified = resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
  const name = resource.name === undefined ? "" : ` ${JSON.stringify(resource.name)}`;
  const what = resource.subresource === undefined ? resource.plural : `${resource.plural}/${resource.subresource}`;
  // a namespace is in itself
  const namespace = resource.namespace ?? (resource.group === "" && resource.plural === "namespaces" ? resource.name : undefined);
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  return new ApiError(
    "Forbidden",
    `${qualified}${name} is forbidden: User ${quoted(user)} cannot ${verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(resource.group)} ${where}${because}`,
    {
      details: {
        ...(resource.name === undefined ? {} : { name: resource.name }),
        ...(resource.group === "" ? {} : { group: resource.group }),
        kind: resource.plural,
      },
      atTheDoor: true,
    },
  );
}

const quoted = (user: User) => JSON.stringify(user.name);

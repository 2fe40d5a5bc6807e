/** 403 answers of the HTTP layer itself, worded as apiserver does (those of resources are made by the registry). */
import { ApiError } from "../api/status.ts";
import type { User } from "../api/user.ts";
import type { Attributes, Authorizer } from "../auth/auth.ts";

/** @throws ApiError Forbidden */
export async function mustBeAllowed(authorizer: Authorizer, attributes: Attributes): Promise<void> {
  const asked = inItself(attributes);
  const decision = await authorizer.authorize(asked);
  if (!decision.allowed) throw forbiddenRequest(asked, decision.reason);
}

/** What a request for a namespace is about is in that namespace: a role there may allow it. */
function inItself(attributes: Attributes): Attributes {
  if ("path" in attributes) return attributes;
  const { resource } = attributes;
  if (resource.plural !== "namespaces" || resource.namespace !== undefined || resource.name === undefined) return attributes;
  return { ...attributes, resource: { ...resource, namespace: resource.name } };
}

export function forbiddenRequest(attributes: Attributes, reason: string): ApiError {
  const because = reason === "" ? "" : `: ${reason}`;
  return "path" in attributes
    ? new ApiError("Forbidden", `forbidden: User ${quoted(attributes.user)} cannot ${attributes.verb} path ${JSON.stringify(attributes.path)}${because}`, { details: {}, atTheDoor: true })
    : forbiddenResource(attributes, because);
}

type ResourceAttributes = Extract<Attributes, { readonly resource: unknown }>;

function forbiddenResource({ user, verb, resource }: ResourceAttributes, because: string): ApiError {
  const qualified = resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
  const { name = "" } = resource;
  const named = name === "" ? "" : ` ${JSON.stringify(name)}`;
  const what = (resource.subresource ?? "") === "" ? resource.plural : `${resource.plural}/${resource.subresource}`;
  const where = resource.namespace === undefined ? "at the cluster scope" : `in the namespace ${JSON.stringify(resource.namespace)}`;
  const about = resource.plural === "" ? "forbidden" : `${qualified}${named} is forbidden`;
  return new ApiError(
    "Forbidden",
    `${about}: User ${quoted(user)} cannot ${verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(resource.group)} ${where}${because}`,
    {
      details: {
        ...(name === "" ? {} : { name }),
        ...(resource.group === "" ? {} : { group: resource.group }),
        ...(resource.plural === "" ? {} : { kind: resource.plural }),
      },
      atTheDoor: true,
    },
  );
}

const quoted = (user: User) => JSON.stringify(user.name);

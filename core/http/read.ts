/** GET and LIST. */
import type { Client, Resource } from "../api/client.ts";
import type { Call } from "./call.ts";
import { accepted, listReply, objectReply } from "./format.ts";
import { listOptions } from "./query.ts";
import type { Message } from "./reply.ts";
import type { Route } from "./route.ts";

export function resourceOf(route: Route): Resource {
  const { group, version, plural } = route.kind;
  return { group, version, plural };
}

export async function get(call: Call, route: Route & { readonly name: string }, client: Client, now: number): Promise<Message> {
  const accept = accepted(call, route.kind);
  const target = { namespace: route.namespace, name: route.name, subresource: route.subresource?.name };
  const resourceVersion = call.query.get("resourceVersion") || undefined;
  const object = await client.get(resourceOf(route), target, { resourceVersion });
  return await objectReply(call, route.kind, accept, object, 200, now);
}

export async function list(call: Call, route: Route, client: Client, now: number): Promise<Message> {
  const accept = accepted(call, route.kind, route.kind.verbs.includes("watch"));
  const options = listOptions(call.query);
  const found = await client.list(resourceOf(route), { ...options, namespace: route.namespace });
  return await listReply(call, route.kind, accept, found, now);
}

/** GET of one object, or of a view on it (status, scale). */
import type { GetOptions, Target } from "../api/client.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import { ApiError, notFound } from "../api/status.ts";
import type { User } from "../api/user.ts";
import type { Entry } from "../store/store.ts";
import { authorize } from "./authorize.ts";
import type { Context } from "./context.ts";
import { keyOf } from "./keys.ts";
import { readVersion, tooLarge } from "./resource-version.ts";
import { scaleOf } from "./subresources/scale.ts";

export async function get(context: Context, user: User, kind: Kind, target: Target, options: GetOptions = {}): Promise<AnyObject> {
  const { namespace, name, subresource } = target;
  await authorize(context, { user, verb: "get", kind, namespace, name, subresource });
  checkSubresource(kind, subresource);
  const version = readVersion(options.resourceVersion);
  const { store } = context;
  if (version !== undefined && version > store.revision()) throw tooLarge(version, store.revision());
  const codec = context.codec(kind);
  const entry = current(context, kind, target);
  await codec.prepare([entry]);
  return show(kind, subresource, codec.decode(entry));
}

/** @throws ApiError "NotFound" */
export function current(context: Pick<Context, "store">, kind: Kind, { namespace, name }: Target): Entry {
  const entry = context.store.get(keyOf(kind, namespace, name));
  if (entry === undefined) throw notFound(kind, name);
  return entry;
}

export function checkSubresource(kind: Kind, subresource: string | undefined): void {
  if (subresource === undefined || kind.subresources.some(({ name }) => name === subresource)) return;
  throw new ApiError("NotFound", "the server could not find the requested resource");
}

function show(kind: Kind, subresource: string | undefined, object: AnyObject): AnyObject {
  return subresource === "scale" ? scaleOf(kind, object) : object;
}

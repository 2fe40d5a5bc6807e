/** PATCH: what the object becomes is computed from the stored one, so it can be tried again when another writer was faster. */
import type { Patch, Target, WriteOptions } from "../api/client.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import { ApiError } from "../api/status.ts";
import type { User } from "../api/user.ts";
import { authorize } from "./authorize.ts";
import { change } from "./change.ts";
import type { Context } from "./context.ts";
import { checkSubresource } from "./get.ts";
import { mergePatch } from "./merge-patch.ts";
import { mergeOf } from "./subresources/merge.ts";
import { checkWriteOptions } from "./write-options.ts";

export interface PatchRequest {
  readonly user: User;
  readonly kind: Kind;
  readonly target: Target;
  readonly patch: Patch;
  readonly options: WriteOptions;
}

export async function patch(context: Context, request: PatchRequest): Promise<{ readonly object: AnyObject; readonly created: boolean }> {
  const { user, kind, target, options } = request;
  const { namespace, name, subresource } = target;
  await authorize(context, { user, verb: "patch", kind, namespace, name, subresource });
  checkSubresource(kind, subresource);
  checkWriteOptions("PatchOptions", options);
  const how = request.patch;
  if (how.type !== "merge") throw new ApiError("UnsupportedMediaType", `patch type ${how.type} is not supported`);
  const next = (old: AnyObject) => mergePatch(old, how.patch) as AnyObject;
  const merge = subresource === undefined ? {} : { merge: mergeOf(kind, subresource) };
  return { object: await change(context, { user, kind, target, options, next, ...merge }), created: false };
}

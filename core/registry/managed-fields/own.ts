/** Ownership of the fields that a plain write (create, update, patch) sets. */
import type { WriteOptions } from "../../api/client.ts";
import type { Kind } from "../../api/kinds.ts";
import type { AnyObject } from "../../api/meta.ts";
import type { User } from "../../api/user.ts";
import type { Context } from "../context.ts";

export interface Written {
  readonly kind: Kind;
  readonly user: User;
  readonly options: WriteOptions;
  readonly object: AnyObject;
}

export function ownCreated(_context: Context, { object }: Written): AnyObject {
  return object;
}

export function ownUpdated(_context: Context, { object }: Written & { readonly old: AnyObject; readonly subresource: string | undefined }): AnyObject {
  return object;
}

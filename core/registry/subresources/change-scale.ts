/**
 * The way of every write to a Scale. PUT, the patches and apply say what the Scale shall become, as they say it of any
 * object; what that makes of the object behind it, and of the owners of its fields, is decided here.
 */
import type { Target, WriteOptions } from "../../api/client.ts";
import type { Kind } from "../../api/kinds.ts";
import type { AnyObject } from "../../api/meta.ts";
import type { User } from "../../api/user.ts";
import { change } from "../change.ts";
import type { Context } from "../context.ts";
import { ownWrite, withEntries } from "../managed-fields/own.ts";
import { formKind } from "./form-kind.ts";
import { scaleOf, withScale } from "./scale.ts";
import { parentEntries, scaleEntries } from "./scale-owners.ts";

export interface ScaleChange {
  readonly user: User;
  readonly kind: Kind;
  readonly target: Target;
  readonly options: WriteOptions;
  /** what the Scale shall become */
  readonly next: (scale: AnyObject) => AnyObject;
  /** its managedFields are already decided (server-side apply) */
  readonly owned?: boolean;
}

export const scaleKind = (): Kind => formKind("autoscaling", "v1", "io.k8s.api.autoscaling.v1.Scale");

export async function changeScale(context: Context, { user, kind, target, options, next, owned }: ScaleChange): Promise<AnyObject> {
  const shown = (object: AnyObject) => withEntries(scaleOf(kind, object), scaleEntries(kind, object.metadata.managedFields));
  const hidden = (object: AnyObject, scale: AnyObject) =>
    withEntries(withScale(kind, object, scale), parentEntries(kind, object.metadata.managedFields, scale.metadata.managedFields));
  const parentNext = (old: AnyObject) => {
    const before = shown(old);
    const asked = next(before);
    const after =
      owned === true ? asked : ownWrite({ kind: scaleKind(), user, options, object: asked, old: before, subresource: "scale", now: context.clock.now() });
    return hidden(old, after);
  };
  const form = { of: (object: AnyObject) => scaleOf(kind, object), into: (object: AnyObject, scale: AnyObject) => withScale(kind, object, scale) };
  return scaleOf(kind, await change(context, { user, kind, target, options, next: parentNext, owned: true, form }));
}

/** DELETE of a collection: one deletion after another of what a list finds; what vanishes meanwhile is no error. */
import type { DeleteOptions, ListOptions } from "../api/client.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject, KubeList } from "../api/meta.ts";
import { isReason } from "../api/status.ts";
import type { User } from "../api/user.ts";
import { authorize } from "./authorize.ts";
import type { Context } from "./context.ts";
import { checkDeleteOptions, removeAuthorized } from "./delete.ts";
import { collect } from "./list.ts";
import { checkListOptions } from "./list-options.ts";
import { compileSelection, parseSelection } from "./selection.ts";

/** Deletions under way at once: lets the store group their commits. */
const PARALLEL = 16;

export async function removeCollection(
  context: Context,
  user: User,
  kind: Kind,
  options: ListOptions & DeleteOptions,
): Promise<KubeList<AnyObject>> {
  const { namespace, labelSelector, fieldSelector } = options;
  const parsed = parseSelection(options);
  await authorize(context, { user, verb: "deletecollection", kind, namespace, name: parsed.name, labelSelector, fieldSelector });
  checkListOptions(options);
  checkDeleteOptions(options);
  const selection = compileSelection(kind, parsed);
  const found = await collect(context, kind, selection, options);
  const waiting = [...found.items];
  const work = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      const { name = "", namespace: place } = item.metadata;
      try {
        await removeAuthorized(context, { user, kind, target: { namespace: place, name }, options, admission: "unnamed" });
      } catch (error) {
        if (!isReason(error, "NotFound")) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return found;
}

/**
 * Watches end when the row of their resource goes: a custom resource that is defined anew has other fields, columns or
 * versions, and what a client got until then was of the old ones. Kubernetes ends them so, too; clients open a new watch.
 */
import type { Clock } from "../api/clock.ts";
import type { Kind, KindTable } from "../api/kinds.ts";

/** The last events, such as the deletion of what was left of a resource, still reach the client. */
const LAST_EVENTS_MS = 1_000;

/** The returned function is for a watch that ends otherwise. */
export function untilReplaced(kind: Kind, { kinds, clock }: { readonly kinds: KindTable; readonly clock: Clock }, end: () => void): () => void {
  let cancel: (() => void) | undefined;
  const unsubscribe = kinds.onGone((gone) => {
    if (gone !== kind) return;
    unsubscribe();
    cancel = clock.after(LAST_EVENTS_MS, end);
  });
  return () => {
    unsubscribe();
    cancel?.();
  };
}

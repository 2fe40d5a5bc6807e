/**
 * Objects made from one template have equal ownership trees, and such a tree takes more memory than the rest of a small
 * object: one copy serves all of them. Trees are never written to, like everything that the store hands out.
 */
import type { ManagedFieldsEntry } from "../../api/meta.ts";

type Tree = NonNullable<ManagedFieldsEntry["fieldsV1"]>;

/** Trees remembered: above the number of templates and writers of a small cluster. Then it starts over. */
const TREES = 1_024;
/** A longer text is a tree that hardly another object has, and costs too much as a key. */
const TEXT_LIMIT = 8_192;

const byText = new Map<string, Tree>();
const known = new WeakSet<Tree>();

export function sharedFields(entries: readonly ManagedFieldsEntry[]): readonly ManagedFieldsEntry[] {
  let changed = false;
  const shared = entries.map((entry) => {
    const fieldsV1 = entry.fieldsV1 === undefined ? undefined : sharedTree(entry.fieldsV1);
    if (fieldsV1 === undefined || fieldsV1 === entry.fieldsV1) return entry;
    changed = true;
    return { ...entry, fieldsV1 };
  });
  return changed ? shared : entries;
}

function sharedTree(tree: Tree): Tree {
  if (known.has(tree)) return tree;
  const text = JSON.stringify(tree);
  if (text.length > TEXT_LIMIT) return tree;
  const same = byText.get(text);
  if (same !== undefined) return same;
  if (byText.size >= TREES) byText.clear();
  byText.set(text, tree);
  known.add(tree);
  return tree;
}

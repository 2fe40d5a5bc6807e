/**
 * Objects made from one template have equal ownership trees, and such a tree takes more memory than the rest of a small
 * object: one copy serves all of them, and so does its text. Trees are never written to, like everything that the store
 * hands out.
 */
import type { ManagedFieldsEntry } from "../../api/meta.ts";

type Tree = NonNullable<ManagedFieldsEntry["fieldsV1"]>;

/** Trees remembered: above the number of templates and writers of a small cluster. Then it starts over. */
const TREES = 1_024;
/** A longer text is a tree that hardly another object has, and costs too much as a key. */
const TEXT_LIMIT = 8_192;

const byText = new Map<string, Tree>();
const texts = new WeakMap<Tree, string>();

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
  if (texts.has(tree)) return tree;
  const text = JSON.stringify(tree);
  if (text.length > TEXT_LIMIT) return tree;
  const same = byText.get(text);
  if (same !== undefined) return same;
  if (byText.size >= TREES) byText.clear();
  byText.set(text, tree);
  texts.set(tree, text);
  return tree;
}

/** JSON of entries. */
export function textOfFields(entries: readonly ManagedFieldsEntry[]): string {
  const items = entries.map((entry) => {
    const { fieldsV1 } = entry;
    const text = fieldsV1 === undefined ? undefined : texts.get(fieldsV1);
    if (text === undefined) return JSON.stringify(entry);
    const rest = JSON.stringify({ ...entry, fieldsV1: undefined });
    return `${rest.slice(0, -1)}${rest === "{}" ? "" : ","}"fieldsV1":${text}}`;
  });
  return `[${items.join(",")}]`;
}

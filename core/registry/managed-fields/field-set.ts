/**
 * Sets of field paths, in the very form in which managedFields carries them (KEP-555, FieldsV1): a tree whose keys are
 * path elements, "f:<name>" of a field, "k:<keys>" of an item of a list map, "v:<value>" of an item of a list set. A
 * node is a member of the set when it is empty or has the key ".". So nothing is decoded or encoded; parts that do not
 * change are shared between versions of an object.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

const SELF = ".";
/** A member without anything below it. */
export const leaf: FieldSet = Object.freeze({});
/** The root of nothing at all; as a child it would be a member. */
export const nothing: FieldSet = Object.freeze({});

type Mutable = { [element: string]: FieldSet };

export function isMember(node: FieldSet): boolean {
  return SELF in node || isEmpty(node);
}

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** The paths below a node, without itself. */
export function childrenOf(node: FieldSet): FieldSet {
  if (!(SELF in node)) return node;
  const children: Mutable = {};
  for (const element in node) if (element !== SELF) children[element] = node[element] as FieldSet;
  return children;
}

/** A node from its two halves; undefined when there is nothing in it. */
export function nodeOf(member: boolean, children: FieldSet): FieldSet | undefined {
  if (isEmpty(children)) return member ? leaf : undefined;
  return member ? { [SELF]: leaf, ...children } : children;
}

/** One path and what is below it. */
export function at(element: string, node: FieldSet | undefined): FieldSet {
  return node === undefined ? nothing : { [element]: node };
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a;
  if (isEmpty(a)) return b;
  const all: Mutable = { ...a };
  for (const element in b) {
    const other = b[element] as FieldSet;
    const own = all[element];
    all[element] = own === undefined ? other : (nodeOf(isMember(own) || isMember(other), union(childrenOf(own), childrenOf(other))) ?? leaf);
  }
  return all;
}

/** The paths of `a` that are not paths of `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (own, other) => {
    if (other === undefined) return own;
    return nodeOf(isMember(own) && !isMember(other), difference(childrenOf(own), childrenOf(other)));
  });
}

/** The paths of both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (own, other) => {
    if (other === undefined) return undefined;
    return nodeOf(isMember(own) && isMember(other), intersection(childrenOf(own), childrenOf(other)));
  });
}

function combine(a: FieldSet, b: FieldSet, each: (own: FieldSet, other: FieldSet | undefined) => FieldSet | undefined): FieldSet {
  const result: Mutable = {};
  let same = true;
  for (const element in a) {
    const own = a[element] as FieldSet;
    const node = each(own, b[element]);
    if (node !== undefined) result[element] = node;
    if (node !== own) same = false;
  }
  return same ? a : result;
}

/** All paths, as users read them: `.spec.containers[name="c"].image`; those that end at a level before those that go on. */
export function* pathsOf(set: FieldSet, prefix = ""): Generator<string> {
  const elements = Object.keys(set).toSorted();
  for (const element of elements) if (isMember(set[element] as FieldSet)) yield prefix + textOf(element);
  for (const element of elements) yield* pathsOf(childrenOf(set[element] as FieldSet), prefix + textOf(element));
}

function textOf(element: string): string {
  const value = element.slice(2);
  switch (element.slice(0, 2)) {
    case "f:":
      return `.${value}`;
    case "k:": {
      const keys = Object.entries(JSON.parse(value) as { readonly [key: string]: unknown });
      return `[${keys.map(([key, each]) => `${key}=${JSON.stringify(each)}`).join(",")}]`;
    }
    case "v:":
      return `[=${value}]`;
    default:
      return `[${value}]`;
  }
}

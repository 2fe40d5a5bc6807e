/**
 * Strategic merge patch: a merge patch that knows which lists are sets or maps, from the patchStrategy and patchMergeKey
 * of the schema (Kubernetes community documentation, "Strategic Merge Patch"). Directives in the patch: $patch (replace,
 * delete, merge), $retainKeys, $setElementOrder/<list>, $deleteFromPrimitiveList/<list>.
 *
 * Pure: neither the object nor the patch is changed, unchanged parts are shared.
 */
import type { Field, FieldType, ObjectType } from "../api/schema/schema.ts";
import { ApiError } from "../api/status.ts";
import { equal } from "./equal.ts";
import { goText } from "./go-text.ts";

const DIRECTIVE = "$patch";
const RETAIN = "$retainKeys";
const ORDER = "$setElementOrder";
const DELETE_FROM = "$deleteFromPrimitiveList";

type Json = { readonly [key: string]: unknown };
type Mutable = { [key: string]: unknown };
/** What is known of a node: the fields of an object, the type of all values of a map, or nothing. */
type Schema = { readonly field: (name: string) => FieldInfo };
interface FieldInfo {
  readonly type: FieldType | undefined;
  readonly strategy: string;
  readonly mergeKey: string;
}

const unknownField: FieldInfo = { type: undefined, strategy: "", mergeKey: "" };
const unknownSchema: Schema = { field: () => unknownField };

/** @throws ApiError: Kubernetes answers a patch that contradicts itself with 500 */
export function strategicMerge(type: ObjectType, original: Json, patch: Json): Json {
  return mergeMap(original, patch, schemaOf(type));
}

function schemaOf(type: ObjectType): Schema {
  return { field: (name) => infoOf(type.fields.get(name)) };
}

function infoOf(field: Field | undefined): FieldInfo {
  if (field === undefined) return unknownField;
  // "retainKeys" says how clients make patches, not how they are applied.
  const strategy = (field.patchStrategy ?? "").split(",").filter((each) => each !== "retainKeys")[0] ?? "";
  return { type: field.type, strategy, mergeKey: field.patchMergeKey ?? "" };
}

function below(type: FieldType | undefined): Schema {
  if (type === undefined) return unknownSchema;
  if (type.kind === "object") return schemaOf(type.type);
  if (type.kind === "list") return below(type.items);
  if (type.kind === "map") {
    const info: FieldInfo = { type: type.values, strategy: "", mergeKey: "" };
    return { field: () => info };
  }
  return unknownSchema;
}

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

function fail(message: string): never {
  throw new ApiError("InternalError", message, { unnamed: true });
}

const badDirective = (directive: unknown, patch: Json) => fail(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`);
const noMergeKey = (element: Json, mergeKey: string) => fail(`map: ${goText(element)} does not contain declared merge key: ${mergeKey}`);

function mergeMap(original: Json, patch: Json, schema: Schema): Json {
  if (Object.hasOwn(patch, DIRECTIVE)) {
    const directive = patch[DIRECTIVE];
    if (directive === "replace") return without(patch, [DIRECTIVE]);
    if (directive === "delete") return {};
    return badDirective(directive, patch);
  }
  const merged: Mutable = retained(original, patch);
  const done = mergeOrdered(merged, patch, schema);
  for (const [key, value] of Object.entries(patch)) {
    if (key === RETAIN || done.has(key)) continue;
    if (key.startsWith(`${DELETE_FROM}/`)) deleteFrom(merged, key.slice(DELETE_FROM.length + 1), value);
    else mergeField(merged, key, value, schema);
  }
  return merged;
}

/** $retainKeys: fields of the original that the list does not name go. */
function retained(original: Json, patch: Json): Mutable {
  if (!Object.hasOwn(patch, RETAIN)) return { ...original };
  const keys = patch[RETAIN];
  const named = new Set<unknown>(Array.isArray(keys) ? keys : []);
  const wrong = Object.entries(patch).some(
    ([key, value]) => key !== RETAIN && value !== null && !key.startsWith(DELETE_FROM) && !key.startsWith(ORDER) && !named.has(key),
  );
  if (!Array.isArray(keys) || wrong) return fail("invalid patch format of retainKeys");
  return Object.fromEntries(Object.entries(original).filter(([key]) => named.has(key)));
}

/** Lists with $setElementOrder, merged and brought into that order. Returns the keys that need no more work. */
function mergeOrdered(merged: Mutable, patch: Json, schema: Schema): ReadonlySet<string> {
  const done = new Set<string>();
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(`${ORDER}/`)) continue;
    done.add(key);
    const name = key.slice(ORDER.length + 1);
    const info = schema.field(name);
    const old = merged[name];
    const change = patch[name];
    if (!Array.isArray(order) || (old !== undefined && !Array.isArray(old)) || (Object.hasOwn(patch, name) && !Array.isArray(change))) {
      fail("invalid argument type");
    }
    if (old === undefined && change === undefined) continue;
    if (Array.isArray(change)) checkOrder(change, order, info.mergeKey);
    const list = !Array.isArray(change)
      ? (old as readonly unknown[])
      : Array.isArray(old)
        ? mergeLists(old, change, info)
        : (cleaned(change) as readonly unknown[]);
    merged[name] = inOrder(list, order, Array.isArray(old) ? old : [], info.mergeKey);
    done.add(name);
  }
  return done;
}

function mergeField(merged: Mutable, key: string, value: unknown, schema: Schema): void {
  if (value === null) {
    delete merged[key];
    return;
  }
  const old = Object.hasOwn(merged, key) ? merged[key] : undefined;
  const info = schema.field(key);
  if (isObject(old) && isObject(value)) define(merged, key, info.strategy === "replace" ? value : mergeMap(old, value, below(info.type)));
  else if (Array.isArray(old) && Array.isArray(value)) define(merged, key, mergeLists(old, value, info));
  else define(merged, key, cleaned(withoutNulls(value)));
}

function mergeLists(old: readonly unknown[], change: readonly unknown[], info: FieldInfo): readonly unknown[] {
  if (info.strategy !== "merge") return change;
  if (old.length === 0 && change.length === 0) return old;
  const objects = [...old, ...change].some(isObject);
  if (!objects) return inOrder([...new Set([...old, ...change])], change, old, "");
  if (info.mergeKey === "") return fail("cannot merge lists without merge key");
  const { kept, changes, replaced } = special(old, change, info.mergeKey);
  if (replaced) return changes;
  const merged = [...kept];
  for (const element of changes) {
    if (!isObject(element) || !Object.hasOwn(element, info.mergeKey)) return noMergeKey(isObject(element) ? element : {}, info.mergeKey);
    const place = merged.findIndex((each) => sameKey(each, element, info.mergeKey));
    const before = merged[place];
    // An element that is new keeps its directives out, as a new field does.
    if (isObject(before)) merged[place] = mergeMap(before, element, below(info.type));
    else merged.push(cleaned(withoutNulls(element)));
  }
  return inOrder(merged, changes, kept, info.mergeKey);
}

/** Elements of the patch that are directives: deletions are done, a replacement drops the original. */
function special(old: readonly unknown[], change: readonly unknown[], mergeKey: string) {
  let kept = old;
  let replaced = false;
  const changes: unknown[] = [];
  for (const element of change) {
    if (!isObject(element) || !Object.hasOwn(element, DIRECTIVE)) {
      changes.push(element);
      continue;
    }
    const directive = element[DIRECTIVE];
    if (directive === "delete") {
      if (!Object.hasOwn(element, mergeKey)) noMergeKey(element, mergeKey);
      kept = kept.filter((each) => !sameKey(each, element, mergeKey));
    } else if (directive === "replace") {
      replaced = true;
    } else if (directive === "merge") {
      fail("merging lists cannot yet be specified in the patch");
    } else {
      badDirective(directive, element);
    }
  }
  return { kept, changes, replaced };
}

function deleteFrom(merged: Mutable, name: string, values: unknown): void {
  const old = merged[name];
  if (!Array.isArray(old) || !Array.isArray(values)) return;
  merged[name] = old.filter((each) => !values.some((value) => equal(each, value)));
}

function sameKey(a: unknown, b: unknown, mergeKey: string): boolean {
  return isObject(a) && isObject(b) && Object.hasOwn(a, mergeKey) && equal(a[mergeKey], b[mergeKey]);
}

const same = (a: unknown, b: unknown, mergeKey: string) => (mergeKey === "" ? equal(a, b) : sameKey(a, b, mergeKey));
const place = (list: readonly unknown[], item: unknown, mergeKey: string) => list.findIndex((each) => same(each, item, mergeKey));

/**
 * Items that the patch names stand in its order, the others in that of the server; where the server knows the order of
 * two items it decides, otherwise those of the patch come first.
 */
function inOrder(merged: readonly unknown[], order: readonly unknown[], server: readonly unknown[], mergeKey: string): readonly unknown[] {
  const rank = (list: readonly unknown[]) => (a: unknown, b: unknown) => place(list, a, mergeKey) - place(list, b, mergeKey);
  const named = merged.filter((item) => place(order, item, mergeKey) >= 0).toSorted(rank(order));
  const others = merged.filter((item) => place(order, item, mergeKey) < 0).toSorted(rank(server));
  const result: unknown[] = [];
  let next = 0;
  for (const item of others) {
    while (next < named.length && !isBefore(item, named[next], server, mergeKey)) result.push(named[next++]);
    result.push(item);
  }
  return [...result, ...named.slice(next)];
}

function isBefore(a: unknown, b: unknown, server: readonly unknown[], mergeKey: string): boolean {
  const first = place(server, a, mergeKey);
  const second = place(server, b, mergeKey);
  return first >= 0 && second >= 0 && first < second;
}

/** The elements of a list must come in the order that the directive names. */
function checkOrder(list: readonly unknown[], order: readonly unknown[], mergeKey: string): void {
  const wanted = list.filter((each) => !isObject(each) || !Object.hasOwn(each, DIRECTIVE));
  let at = 0;
  for (const item of order) if (at < wanted.length && same(wanted[at], item, mergeKey)) at++;
  if (at < wanted.length) fail(`The order in patch list:\n${goText(list)}\n doesn't match ${ORDER} list:\n${goText(order)}\n`);
}

/** A value that is taken over as it is, without its directives. */
function cleaned(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((each) => !(isObject(each) && Object.hasOwn(each, DIRECTIVE))).map(cleaned);
  if (!isObject(value)) return value;
  const kept: Mutable = {};
  for (const [key, each] of Object.entries(value)) {
    if (key === DIRECTIVE || key === RETAIN || key.startsWith(`${ORDER}/`) || key.startsWith(`${DELETE_FROM}/`)) continue;
    if (isObject(each) && each[DIRECTIVE] === "delete") continue;
    define(kept, key, cleaned(each));
  }
  return kept;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const kept: Mutable = {};
  for (const [key, each] of Object.entries(value)) if (each !== null) define(kept, key, withoutNulls(each));
  return kept;
}

function without(from: Json, keys: readonly string[]): Json {
  return Object.fromEntries(Object.entries(from).filter(([key]) => !keys.includes(key)));
}

/** A plain assignment to "__proto__" would change the prototype instead of setting a field. */
function define(on: Mutable, key: string, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(on, key, { value, enumerable: true, configurable: true, writable: true });
  else on[key] = value;
}

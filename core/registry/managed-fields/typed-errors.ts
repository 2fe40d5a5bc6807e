/**
 * What keeps a configuration from having the type of its kind, in the words of structured-merge-diff. Only what ownership
 * relies on is judged: structure, kinds of scalars, keys of lists. Everything else is the business of validation.
 */
import { goText } from "../../api/go-text.ts";
import { isObject } from "../../api/json.ts";
import type { FieldType, ListMerge, ObjectType } from "../../api/schema/schema.ts";

export interface TypedError {
  readonly path: string;
  readonly message: string;
}

export function typedErrors(schema: ObjectType, object: object): readonly TypedError[] {
  const errors: TypedError[] = [];
  members(errors, object as { readonly [name: string]: unknown }, "", schema);
  return errors;
}

/** Go's way to list several errors as one. */
export function joined(errors: readonly TypedError[]): string {
  const lines = errors.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  return lines.length === 1 ? (lines[0] ?? "") : ["errors:", ...lines.map((line) => `  ${line}`)].join("\n");
}

function visit(errors: TypedError[], type: FieldType, value: unknown, path: string): void {
  if (value === null || value === undefined) return;
  const expected = (what: string, got: string) => errors.push({ path, message: `expected ${what}, got ${got}` });
  switch (type.kind) {
    case "scalar":
      if (type.scalar === "boolean" && typeof value !== "boolean") expected("boolean", shown(value));
      else if ((type.scalar === "string" || type.scalar === "bytes") && typeof value !== "string") expected("string", `&value.valueUnstructured{Value:${goSyntax(value)}}`);
      else if (type.scalar !== "boolean" && type.scalar !== "string" && type.scalar !== "bytes" && typeof value !== "number") expected("numeric (int or float)", goType(value));
      return;
    case "special":
      if (SCALARS.has(type.special) && typeof value === "object") expected("any scalar", shown(value));
      return;
    case "object":
      if (isObject(value)) members(errors, value, path, type.type);
      else expected("map", shown(value));
      return;
    case "map":
      if (isObject(value)) for (const [name, each] of Object.entries(value)) visit(errors, type.values, each, `${path}.${name}`);
      else expected("map", shown(value));
      return;
    case "list":
      if (Array.isArray(value)) elements(errors, value, path, type);
      else expected("list", shown(value));
  }
}

const SCALARS: ReadonlySet<string> = new Set(["Quantity", "IntOrString", "Duration", "Time", "MicroTime"]);

/** An unknown field ends the look at its map: what else is in it is not told. */
function members(errors: TypedError[], value: { readonly [name: string]: unknown }, path: string, { fields, preserveUnknown }: ObjectType): void {
  for (const [name, each] of Object.entries(value)) {
    const field = fields.get(name);
    if (field !== undefined) visit(errors, field.type, each, `${path}.${name}`);
    else if (!preserveUnknown) {
      errors.push({ path: `${path}.${name}`, message: "field not declared in schema" });
      return;
    }
  }
}

type ListType = Extract<FieldType, { readonly kind: "list" }>;

/** An item that cannot be named ends the look at its list. */
function elements(errors: TypedError[], value: readonly unknown[], path: string, { list, items: type }: ListType): void {
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    const element = list.type === "atomic" ? `[${index}]` : named(list, type, item);
    if (typeof element !== "string") {
      errors.push({ path, message: `element ${index}: ${element.wrong}` });
      return;
    }
    if (seen.has(element)) errors.push({ path, message: `duplicate entries for key ${element}` });
    seen.add(element);
    visit(errors, type, item, path + element);
  }
}

function named(list: Exclude<ListMerge, { readonly type: "atomic" }>, type: FieldType, item: unknown): string | { readonly wrong: string } {
  if (list.type === "set") {
    if (isObject(item)) return { wrong: "associative list without keys has an element that's a map type" };
    if (Array.isArray(item)) return { wrong: "not supported: associative list with lists as elements" };
    return item === null ? { wrong: "associative list without keys has an element that's an explicit null" } : `[=${JSON.stringify(item)}]`;
  }
  if (item === null) return { wrong: "associative list with keys may not have a null element" };
  if (!isObject(item)) return { wrong: "associative list with keys may not have non-map elements" };
  const keys = list.keys.toSorted().flatMap((key) => {
    const value = item[key] ?? (type.kind === "object" ? type.type.fields.get(key)?.default : undefined);
    return value === undefined ? [] : [`${key}=${JSON.stringify(value)}`];
  });
  if (keys.length === 0) {
    const all = list.keys.map((key) => JSON.stringify(key)).join(" ");
    return { wrong: `associative list with keys has an element that omits all key fields [${all}] (and doesn't have default values for any key fields)` };
  }
  return `[${keys.join(",")}]`;
}

/** A value as Go prints the box that it is in. */
const shown = (value: unknown) => `&{${goText(value)}}`;

function goType(value: unknown): string {
  if (Array.isArray(value)) return "[]interface {}";
  return typeof value === "object" ? "map[string]interface {}" : typeof value === "boolean" ? "bool" : typeof value;
}

/** Go's %#v of a JSON value. */
function goSyntax(value: unknown): string {
  if (value === null) return "interface {}(nil)";
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(", ")}}`;
  if (!isObject(value)) return JSON.stringify(value);
  const fields = Object.keys(value).toSorted().map((name) => `${JSON.stringify(name)}:${goSyntax(value[name])}`);
  return `map[string]interface {}{${fields.join(", ")}}`;
}

/**
 * Writes the table of facts: one short text per field, grouped by package, so that a change of the API reads well in a
 * diff and the file loads fast. core/api/schema/facts.ts explains and reads the grammar.
 */
import type { Fact, FactType, TypeFacts } from "./facts.ts";

export function emitFacts(types: ReadonlyMap<string, TypeFacts>): string {
  const groups: { [prefix: string]: { [type: string]: { [field: string]: string } } } = {};
  for (const type of [...types.values()].toSorted((a, b) => (a.model < b.model ? -1 : 1))) {
    const prefix = type.model.slice(0, -type.goName.length - 1);
    const fields: { [field: string]: string } = type.atomic ? { "": "atomic" } : {};
    for (const each of type.fields) fields[each.name] = fieldText(each, prefix);
    (groups[prefix] ??= {})[type.goName] = fields;
  }
  return `${JSON.stringify(groups, undefined, 1)}\n`;
}

function fieldText(each: Fact, prefix: string): string {
  const presence = `${each.omitEmpty ? "?" : ""}${each.omitZero ? "!" : ""}${each.required === presenceRequires(each) ? "" : each.required ? "+" : "~"}`;
  const words = [
    each.numbers.length === 0 ? "-" : each.numbers.join("."),
    `${each.pointer ? "*" : ""}${typeText(each.type, prefix)}${presence}`,
  ];
  if (each.listMapKeys.length > 0) words.push(`map:${each.listMapKeys.join(",")}`);
  else if (each.listType !== undefined) words.push(each.listType);
  if (each.whole !== undefined) words.push(each.whole);
  if (each.patchStrategy !== undefined) {
    words.push(`patch:${each.patchStrategy}${each.patchMergeKey === undefined ? "" : `:${each.patchMergeKey}`}`);
  }
  if (each.enum !== undefined && each.enum.length > 0) words.push(`enum:${each.enum.join("|").replaceAll(" ", "%20")}`);
  if (each.goType !== undefined && each.goType !== derivedGoType(each.type)) words.push(`go:${each.goType}`);
  // last, because a default may hold spaces
  if (each.default !== undefined) words.push(`default:${each.default}`);
  return words.join(" ");
}

/** What "?" alone says. */
const presenceRequires = (each: Fact) => !each.omitEmpty;

function typeText(type: FactType, prefix: string): string {
  switch (type.kind) {
    case "scalar":
      return type.scalar;
    case "special": {
      const name = type.model.slice(type.model.lastIndexOf(".") + 1);
      return name === type.special ? name : `${type.special}:${name}`;
    }
    case "object":
      return type.model.startsWith(`${prefix}.`) ? type.model.slice(prefix.length + 1) : type.model;
    case "list":
      return `[]${typeText(type.items, prefix)}`;
    case "map":
      return `{}${typeText(type.values, prefix)}`;
  }
}

/** What the reader makes of a type without a "go:" word; the same rule is in core/api/schema/decode.ts. */
function derivedGoType(type: FactType): string | undefined {
  switch (type.kind) {
    case "object": {
      const [name = "", version = ""] = type.model.split(".").toReversed();
      return `${version}.${name}`;
    }
    case "list": {
      const items = derivedGoType(type.items);
      return items === undefined ? undefined : `[]${items}`;
    }
    case "map": {
      const values = derivedGoType(type.values);
      return values === undefined ? undefined : `map[string]${values}`;
    }
    case "special": {
      const [name = "", version = ""] = type.model.split(".").toReversed();
      return `${version}.${name}`;
    }
    case "scalar":
      return type.scalar === "bytes" ? "[]uint8" : undefined;
  }
}

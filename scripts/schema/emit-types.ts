/**
 * TypeScript interfaces of all types, and the names of all resources. A name is the Go name; where two packages share it,
 * the first in `preferred` keeps it and the others get group and version before it.
 */
import { builtInRows } from "../../core/api/kinds/built-in-rows.ts";
import type { Fact, FactType, TypeFacts } from "./facts.ts";

const preferred = ["io.k8s.apimachinery.", "io.k8s.api.core.v1.", "io.k8s.api.apps.v1.", "io.k8s.api.autoscaling.v2.", "io.k8s.api."];
/** Declared by hand in meta.ts, because code that knows no kinds needs them. */
const inMeta = ["ListMeta", "ManagedFieldsEntry", "ObjectMeta", "OwnerReference"];

function rank(model: string): number {
  const at = preferred.findIndex((prefix) => model.startsWith(prefix));
  return at < 0 ? preferred.length : at;
}

export function typeNames(types: ReadonlyMap<string, TypeFacts>): ReadonlyMap<string, string> {
  const taken = new Set<string>();
  const names = new Map<string, string>();
  for (const type of [...types.values()].toSorted((a, b) => rank(a.model) - rank(b.model) || (a.model < b.model ? -1 : 1))) {
    const [version = "", group = ""] = type.model.split(".").toReversed().slice(1);
    const name = taken.has(type.goName) ? `${capital(group)}${capital(version)}${type.goName}` : type.goName;
    if (taken.has(name)) throw new Error(`two types are called ${name}`);
    taken.add(name);
    names.set(type.model, name);
  }
  return names;
}

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

export function emitTypes(types: ReadonlyMap<string, TypeFacts>, header: string): string {
  const names = typeNames(types);
  const served = new Set(builtInRows.map((row) => `${row.models}.${row.kind}`));
  const nameOf = (model: string) => names.get(model) ?? model;
  const interfaces = [...types.values()]
    .filter((type) => !inMeta.includes(type.goName))
    .map((type) => ({ name: nameOf(type.model), type }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type }) => {
      const fields = served.has(type.model) ? type.fields.filter((each) => !["apiVersion", "kind", "metadata"].includes(each.name)) : type.fields;
      const extended = served.has(type.model) ? " extends KubeObject" : "";
      const lines = fields.map((each) => `  readonly ${fieldName(each)}${isOptional(each) ? "?" : ""}: ${fieldType(each)};\n`);
      return `export interface ${name}${extended} {\n${lines.join("")}}\n`;
    });
  const body = interfaces.join("\n");
  const imports = ["KubeObject", ...inMeta].filter((name) => new RegExp(`\\b${name}\\b`).test(body)).toSorted();
  return `${header}import type { ${imports.join(", ")} } from "./meta.ts";\n\n${body}`;

  function fieldType(each: Fact): string {
    const text = each.type.kind === "scalar" && each.enum !== undefined && each.enum.length > 0 ? enumText(each.enum) : typeText(each.type);
    const time = each.type.kind === "special" && each.type.special.endsWith("Time");
    const nullable = !each.pointer && (time ? !each.omitZero : !each.omitEmpty && each.optional && isCollection(each.type));
    return nullable ? `${text} | null` : text;
  }

  function typeText(type: FactType): string {
    switch (type.kind) {
      case "scalar":
        return { string: "string", bytes: "string", boolean: "boolean", int32: "number", int64: "number", double: "number" }[type.scalar];
      case "special":
        return specialText[type.special];
      case "object":
        return nameOf(type.model);
      case "list": {
        const items = typeText(type.items);
        return /[ |]/.test(items) ? `readonly (${items})[]` : `readonly ${items}[]`;
      }
      case "map":
        return `{ readonly [key: string]: ${typeText(type.values)} }`;
    }
  }
}

function isOptional(each: Fact): boolean {
  return each.optional || each.omitEmpty || each.pointer;
}

const enumText = (values: readonly string[]) => values.map((value) => JSON.stringify(value)).join(" | ");

const specialText = {
  Time: "string",
  MicroTime: "string",
  Duration: "string",
  Quantity: "string",
  IntOrString: "number | string",
  FieldsV1: "{ readonly [field: string]: unknown }",
  RawExtension: "{ readonly [field: string]: unknown }",
  JSON: "unknown",
} as const;

const isCollection = (type: FactType) => type.kind === "list" || type.kind === "map" || (type.kind === "scalar" && type.scalar === "bytes");
const fieldName = (each: Fact) => (/^[A-Za-z_]\w*$/.test(each.name) ? each.name : JSON.stringify(each.name));

/** `export const PODS: Resource<Pod> = …` for every resource; the version that is stored has the bare name. */
export function emitResources(types: ReadonlyMap<string, TypeFacts>, header: string): string {
  const names = typeNames(types);
  const used = new Set<string>();
  const lines = builtInRows.map((row) => {
    const type = names.get(`${row.models}.${row.kind}`);
    if (type === undefined) throw new Error(`no type for ${row.kind}`);
    used.add(type);
    const foreign = row.storageGroup !== undefined || row.storageVersion !== row.version;
    const qualifier = foreign ? `${row.group.split(".")[0] ?? ""}_${row.version}_`.toUpperCase() : "";
    const constant = `${qualifier}${upperSnake(row.kind, row.plural)}`;
    return `export const ${constant}: Resource<${type}> = { group: "${row.group}", version: "${row.version}", plural: "${row.plural}" };\n`;
  });
  return `${header}import type { Resource } from "./client.ts";\nimport type {\n${[...used].toSorted().map((name) => `  ${name},\n`).join("")}} from "./types.gen.ts";\n\n${lines.join("")}`;
}

/** "ConfigMap", "configmaps" → "CONFIG_MAPS": words from the kind, the ending from the plural. */
function upperSnake(kind: string, plural: string): string {
  const words = kind.replace(/([a-z\d])([A-Z])/g, "$1_$2").replace(/([A-Z]+)([A-Z][a-z])/g, "$1_$2");
  const lower = words.toLowerCase();
  let common = 0;
  let at = 0;
  while (at < plural.length && common < lower.length) {
    if (lower[common] === "_") common++;
    if (lower[common] !== plural[at]) break;
    common++;
    at++;
  }
  return (lower.slice(0, common) + plural.slice(at)).toUpperCase();
}

/**
 * Reads the declarations of a Go API package: structures with their JSON and protobuf tags and "+marker" comments, named
 * types, and string constants. Only the small, regular part of Go that API packages use; anything else is skipped, and
 * the golden comparison in main.ts notices what was lost.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface GoField {
  /** "" for an embedded structure */
  readonly name: string;
  readonly type: GoType;
  readonly json: string;
  readonly jsonOptions: readonly string[];
  readonly number: number | undefined;
  readonly patchStrategy: string | undefined;
  readonly patchMergeKey: string | undefined;
  readonly markers: Markers;
}

export type Markers = ReadonlyMap<string, readonly string[]>;

export type GoType =
  | { readonly kind: "pointer"; readonly to: GoType }
  | { readonly kind: "slice"; readonly of: GoType }
  | { readonly kind: "map"; readonly key: string; readonly values: GoType }
  /** `path` is the import path, "" for a builtin */
  | { readonly kind: "name"; readonly path: string; readonly name: string };

export interface GoPackage {
  readonly path: string;
  readonly structs: ReadonlyMap<string, { readonly fields: readonly GoField[]; readonly markers: Markers }>;
  readonly named: ReadonlyMap<string, { readonly type: GoType; readonly markers: Markers }>;
  /** values of the string constants of each named type, in order of declaration */
  readonly constants: ReadonlyMap<string, readonly string[]>;
}

const builtins = new Set(["string", "bool", "int", "int32", "int64", "uint", "uint32", "uint64", "float32", "float64", "byte", "interface{}", "any"]);

export function readGoPackage(root: string, path: string): GoPackage {
  const structs: Map<string, { fields: GoField[]; markers: Markers }> = new Map();
  const named: Map<string, { type: GoType; markers: Markers }> = new Map();
  const constants: Map<string, string[]> = new Map();
  const folder = join(root, path);
  const files = readdirSync(folder).filter((name) => name.endsWith(".go") && !/_test\.go$|^zz_|\.pb\.go$|swagger_doc/.test(name));
  for (const file of files) readFile(readFileSync(join(folder, file), "utf8"));
  return { path, structs, named, constants };

  function readFile(text: string): void {
    const imports = readImports(text);
    const typeOf = (source: string) => parseType(source, path, imports);
    let comments: string[] = [];
    let struct: { fields: GoField[] } | undefined;
    let grouped = false;
    for (const line of text.split("\n")) {
      const trimmed = line.trim();
      if (trimmed.startsWith("//")) {
        comments.push(trimmed.slice(2).trim());
        continue;
      }
      if (trimmed === "") continue;
      const markers = readMarkers(comments);
      comments = [];
      if (struct !== undefined) {
        if (line === "}" || (grouped && line === "\t}")) struct = undefined;
        else readField(struct.fields, trimmed, markers, typeOf);
        continue;
      }
      if (line === "type (") grouped = true;
      if (line === ")") grouped = false;
      const opening = /^(?:type )?(\w+) struct ?\{(\})?$/.exec(trimmed);
      if (opening?.[1] !== undefined && (grouped || line.startsWith("type "))) {
        const fields: GoField[] = [];
        structs.set(opening[1], { fields, markers });
        if (opening[2] === undefined) struct = { fields };
        continue;
      }
      const alias = /^type (\w+) (=\s*)?([\w.*[\]{}]+)$/.exec(line);
      if (alias?.[1] !== undefined && alias[3] !== undefined && alias[3] !== "interface{}") {
        named.set(alias[1], { type: typeOf(alias[3]), markers });
      }
      const constant = readConstant(trimmed);
      if (constant !== undefined) constants.set(constant.type, [...(constants.get(constant.type) ?? []), constant.value]);
    }
  }
}

/** Constants of other packages that constants here are made of. */
const foreignConstants: { readonly [name: string]: string } = { "v1.IPv4Protocol": "IPv4", "v1.IPv6Protocol": "IPv6" };

/** `Name Type = "value"`, `Name = Type("value")`, `Name = Type(other.Constant)` */
function readConstant(line: string): { type: string; value: string } | undefined {
  const [, type, value] = /^(?:const )?\w+\s+(\w+)\s*=\s*"([^"]*)"/.exec(line) ?? /^(?:const )?\w+\s*=\s*(\w+)\("([^"]*)"\)/.exec(line) ?? [];
  if (type !== undefined && value !== undefined) return { type, value };
  const [, cast, name] = /^(?:const )?\w+\s*=\s*(\w+)\((\w+\.\w+)\)/.exec(line) ?? [];
  const foreign = name === undefined ? undefined : foreignConstants[name];
  return cast === undefined || foreign === undefined ? undefined : { type: cast, value: foreign };
}

function readImports(text: string): Map<string, string> {
  const imports = new Map<string, string>();
  for (const [, name, path] of text.matchAll(/^(?:import|\t)\s*(\w+)?\s*"([\w./-]+)"$/gm)) {
    if (path !== undefined) imports.set(name ?? path.slice(path.lastIndexOf("/") + 1), path);
  }
  return imports;
}

function readMarkers(comments: readonly string[]): Markers {
  const markers = new Map<string, string[]>();
  for (const comment of comments) {
    const marker = /^\+([\w:.-]+?)(?:=(.*))?$/.exec(comment);
    if (marker?.[1] !== undefined) markers.set(marker[1], [...(markers.get(marker[1]) ?? []), marker[2] ?? ""]);
  }
  return markers;
}

function readField(fields: GoField[], line: string, markers: Markers, typeOf: (source: string) => GoType): void {
  const parts = /^(?:(\w+)\s+)?([\w.*[\]{}/]+)\s+`(.*)`/.exec(line);
  if (parts?.[2] === undefined || parts[3] === undefined) return;
  const tag = (name: string) => new RegExp(`(?:^| )${name}:"([^"]*)"`).exec(parts[3] ?? "")?.[1];
  const [json = "", ...jsonOptions] = (tag("json") ?? "").split(",");
  if (json === "-") return;
  const number = tag("protobuf")?.split(",")[1];
  fields.push({
    name: parts[1] ?? "",
    type: typeOf(parts[2]),
    json,
    jsonOptions,
    number: number === undefined ? undefined : Number(number),
    patchStrategy: tag("patchStrategy"),
    patchMergeKey: tag("patchMergeKey"),
    markers,
  });
}

function parseType(source: string, path: string, imports: ReadonlyMap<string, string>): GoType {
  if (source.startsWith("*")) return { kind: "pointer", to: parseType(source.slice(1), path, imports) };
  if (source.startsWith("[]")) return { kind: "slice", of: parseType(source.slice(2), path, imports) };
  const map = /^map\[([\w.]+)\](.*)$/.exec(source);
  if (map?.[1] !== undefined && map[2] !== undefined) {
    const key = map[1] === "string" || map[1].includes(".") ? map[1] : `${path.slice(path.lastIndexOf("/") + 1)}.${map[1]}`;
    return { kind: "map", key, values: parseType(map[2], path, imports) };
  }
  if (builtins.has(source)) return { kind: "name", path: "", name: source };
  const [qualifier, name] = source.split(".");
  if (name === undefined) return { kind: "name", path, name: source };
  const imported = imports.get(qualifier ?? "");
  if (imported === undefined) throw new Error(`${path}: ${source} is of a package that is not imported`);
  return { kind: "name", path: imported, name };
}

/**
 * Compares how lists, maps and structures merge with a second source: the structured-merge-diff schema that client-go
 * carries for server-side apply. It is made by other tools than the facts here, so agreement says that the markers were read
 * right.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { types } from "../../core/api/schema/facts.ts";
import { parseYaml } from "../../core/api/schema/parse-yaml.ts";
import type { Field } from "../../core/api/schema/schema.ts";

type Yaml = { readonly [key: string]: unknown };

const isMap = (value: unknown): value is Yaml => typeof value === "object" && value !== null && !Array.isArray(value);
const mapOf = (value: unknown): Yaml => (isMap(value) ? value : {});
const listOf = (value: unknown): readonly Yaml[] => (Array.isArray(value) ? value.filter(isMap) : []);

/** Returns one line per disagreement; `checked` counts the fields that were compared. */
export function checkMerge(source: string): { readonly problems: readonly string[]; readonly checked: number } {
  const go = readFileSync(join(source, "k8s.io/client-go/applyconfigurations/internal/internal.go"), "utf8");
  const [, yaml = ""] = /typed\.YAMLObject\(`([^`]*)`\)/.exec(go) ?? [];
  const problems: string[] = [];
  let checked = 0;
  for (const { name, map } of listOf(mapOf(parseYaml(yaml).value)["types"])) {
    if (typeof name !== "string" || !types().has(name)) continue;
    const type = types().get(name);
    const wanted = mapOf(map);
    if (isMap(map) && (wanted["elementRelationship"] === "atomic") !== type.atomic) problems.push(`${name}: atomic is ${type.atomic}`);
    for (const each of listOf(wanted["fields"])) {
      checked++;
      const field = type.fields.get(String(each["name"]));
      const want = wantedMerge(mapOf(each["type"]));
      const got = field === undefined ? "no field" : mergeOf(field);
      if (want !== undefined && want !== got) problems.push(`${name}.${String(each["name"])}: merges as ${got}, want ${want}`);
    }
  }
  return { problems, checked };
}

function wantedMerge({ list, map }: Yaml): string | undefined {
  if (isMap(list)) {
    if (list["elementRelationship"] === "atomic") return "atomic";
    return Array.isArray(list["keys"]) ? `map ${list["keys"].join(",")}` : "set";
  }
  if (!isMap(map) || map["elementType"] === undefined || String(mapOf(map["elementType"])["namedType"]).startsWith("__untyped")) return undefined;
  return map["elementRelationship"] === "atomic" ? "atomic" : "map";
}

function mergeOf({ type }: Field): string {
  if (type.kind === "list") return type.list.type === "map" ? `map ${type.list.keys.join(",")}` : type.list.type;
  return type.kind === "map" && type.atomic ? "atomic" : type.kind;
}

const given = process.argv[2];
if (import.meta.main && given !== undefined) {
  const { problems, checked } = checkMerge(given);
  for (const problem of problems) console.error(problem);
  console.log(`${checked} fields compared with client-go's merge schema, ${problems.length} disagreements`);
  process.exitCode = problems.length === 0 && checked > 0 ? 0 : 1;
}

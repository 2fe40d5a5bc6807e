/**
 * YAML bodies as kubectl and the API server read them: version 1.1 (yes and on are booleans, 0777 is octal), the first
 * document only, keys as text, dates and times of day left as text.
 */
import { type Document, isScalar, LineCounter, parseAllDocuments, visit } from "yaml";
import { badRequest } from "../status.ts";
import { MAX_DEPTH, MAX_OBJECTS, MAX_PROBLEMS, type Parsed, setField } from "./parse-json.ts";

/** Each alias repeats what it names; without a bound a kilobyte of text makes a gigabyte of values. */
const MAX_ALIASES = 100;

/** Throws BadRequest. `problems` are duplicate keys: `line 5: key "data" already set in map`. */
export function parseYaml(text: string): Parsed {
  const lines = new LineCounter();
  let document: Document.Parsed | undefined;
  let value: unknown;
  try {
    const documents = parseAllDocuments(text, {
      version: "1.1",
      uniqueKeys: false,
      lineCounter: lines,
      customTags: (tags) => tags.filter((tag) => typeof tag === "string" || !isTimeTag(tag)),
    });
    document = Array.isArray(documents) ? documents[0] : undefined;
    const error = document?.errors[0];
    if (error !== undefined) throw new Error(error.message.split("\n")[0] ?? "");
    value = document?.toJS({ maxAliasCount: MAX_ALIASES, mapAsMap: true }) ?? null;
  } catch (error) {
    throw badRequest(`yaml: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { value: plain(value, MAX_DEPTH, { objects: 0 }), problems: document === undefined ? [] : duplicateKeys(document, lines) };
}

/** Bare dates, and 12:30 as a number to the base 60: both stay text, as in Go's reader. */
const isTimeTag = (tag: { readonly tag: string; readonly format?: string }) =>
  tag.tag === "tag:yaml.org,2002:timestamp" || tag.format === "TIME";

/** Maps to objects with text keys; what JSON cannot say is refused or made text. */
function plain(value: unknown, left: number, made: { objects: number }): unknown {
  if (left === 0) throw badRequest(`exceeded max depth of ${MAX_DEPTH}`);
  if (value instanceof Map) {
    if (++made.objects > MAX_OBJECTS) throw badRequest(`the body holds more than ${MAX_OBJECTS} objects`);
    // the API server makes JSON of it, which sorts the keys: its findings come in that order
    const named = [...value].map(([key, each]) => [keyText(key), each] as const).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const object: { [field: string]: unknown } = {};
    for (const [key, each] of named) setField(object, key, plain(each, left - 1, made));
    return object;
  }
  if (value instanceof Set) return plain(new Map([...value].map((each) => [each, null])), left, made);
  if (Array.isArray(value)) return value.map((each) => plain(each, left - 1, made));
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "number" && !Number.isFinite(value)) throw badRequest(`json: unsupported value: ${value}`);
  return value ?? null;
}

function keyText(key: unknown): string {
  if (typeof key === "string") return key;
  if (typeof key === "number" || typeof key === "boolean" || typeof key === "bigint") return String(key);
  if (key === null) return "null";
  throw badRequest("yaml: a key of a map must be text, a number or a boolean");
}

function duplicateKeys(document: Document.Parsed, lines: LineCounter): readonly string[] {
  const problems: string[] = [];
  visit(document, {
    Map(_key, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value) && problems.length < MAX_PROBLEMS) {
          const line = lines.linePos(key.range?.[0] ?? 0).line;
          problems.push(`line ${line}: key ${JSON.stringify(key.value)} already set in map`);
        }
        seen.add(key.value);
      }
    },
  });
  return problems;
}

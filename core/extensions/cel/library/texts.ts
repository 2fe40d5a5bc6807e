/** Texts: Go's regular expressions (matches, find, findAll) and what cel-go's string library has beyond cel-js. */
import type { Environment } from "@marcbachmann/cel-js";
import { goRegExp, RegExpError } from "../../go-regexp.ts";
import { functionError } from "../errors.ts";

/** Patterns kept compiled: expressions repeat the same few. */
const PATTERNS_MAX = 200;
/** Longest text that replace and format may make; below the size of a request. */
const TEXT_MAX = 1024 * 1024;

function patternCache(): (pattern: string) => RegExp {
  const known = new Map<string, RegExp>();
  return (pattern) => {
    const there = known.get(pattern);
    if (there !== undefined) return there;
    try {
      const made = goRegExp(pattern);
      if (known.size >= PATTERNS_MAX) known.clear();
      known.set(pattern, made);
      return made;
    } catch (error) {
      throw error instanceof RegExpError ? functionError(error.message) : error;
    }
  };
}

function bounded(text: string): string {
  if (text.length > TEXT_MAX) throw functionError(`the text is longer than ${TEXT_MAX} characters`);
  return text;
}

function charAt(text: string, index: bigint): string {
  const runes = [...text];
  if (index < 0n || index > BigInt(runes.length)) throw functionError(`index out of range: ${index}`);
  return runes[Number(index)] ?? "";
}

function replace(text: string, old: string, by: string, count = -1n): string {
  if (count < 0n) return bounded(text.replaceAll(old, () => by));
  let made = text;
  let at = 0;
  for (let left = count; left > 0n; left--) {
    const found = made.indexOf(old, at);
    if (found < 0) break;
    made = bounded(made.slice(0, found) + by + made.slice(found + old.length));
    at = found + by.length;
  }
  return made;
}

/** string.format: %s %d %f %e %x %X %o %b with a precision where it has a meaning */
function format(text: string, values: readonly unknown[]): string {
  let next = 0;
  const made = text.replace(/%(?:\.(\d+))?(.)/g, (whole, precision: string | undefined, verb: string) => {
    if (verb === "%") return "%";
    if (next >= values.length) throw functionError(`index ${next} out of range`);
    return formatOne(verb, precision === undefined ? undefined : Number(precision), values[next++], whole);
  });
  return bounded(made);
}

/** Digits after the point: what toFixed takes. */
const PRECISION_MAX = 100;

function formatOne(verb: string, precision: number | undefined, value: unknown, clause: string): string {
  const digits = Math.min(precision ?? 6, PRECISION_MAX);
  const bases: { readonly [verb: string]: number } = { x: 16, X: 16, o: 8, b: 2 };
  switch (verb) {
    case "s":
      return shown(value);
    case "d":
      if (typeof value === "bigint") return value.toString();
      break;
    case "f":
      if (typeof value === "number" || typeof value === "bigint") return Number(value).toFixed(digits);
      break;
    case "e":
      if (typeof value === "number" || typeof value === "bigint") return Number(value).toExponential(digits).replace(/e([+-])(\d)$/, "e$10$2");
      break;
    default: {
      const base = bases[verb];
      if (base === undefined) throw functionError(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
      const hex = typeof value === "string" && base === 16 ? Buffer.from(value).toString("hex") : typeof value === "bigint" ? value.toString(base) : undefined;
      if (hex !== undefined) return verb === "X" ? hex.toUpperCase() : hex;
      if (typeof value === "boolean" && verb === "b") return value ? "1" : "0";
    }
  }
  throw functionError(`error during formatting: clause ${clause} does not take a value of this type`);
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  if (value instanceof Date) return value.toISOString().replace(/\.000Z$/, "Z");
  if (value === null || typeof value !== "object") return String(value);
  if (Object.getPrototypeOf(value) !== Object.prototype) return String(value);
  return `{${Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => `${key}: ${shown(each)}`)
    .join(", ")}}`;
}

class StringFunctions {
  readonly namespace = "strings";
}

export function texts(environment: Environment): void {
  const pattern = patternCache();
  const all = (text: string, expression: string, most: number) => {
    const found: string[] = [];
    for (const match of text.matchAll(new RegExp(pattern(expression), "gu"))) {
      if (found.length >= most) break;
      found.push(match[0]);
    }
    return found;
  };
  environment.registerType("StringFunctions", { ctor: StringFunctions, fields: {} });
  environment.registerConstant("strings", "StringFunctions", new StringFunctions());
  const add = (signature: string, handler: (...given: never[]) => unknown) => environment.registerFunction(signature, handler as never, { async: false } as never);
  add("string.k8s_matches(string): bool", (text: string, expression: string) => pattern(expression).test(text));
  add("matches(string, string): bool", (text: string, expression: string) => pattern(expression).test(text));
  add("string.find(string): string", (text: string, expression: string) => pattern(expression).exec(text)?.[0] ?? "");
  add("string.findAll(string): list<string>", (text: string, expression: string) => all(text, expression, Infinity));
  add("string.findAll(string, int): list<string>", (text: string, expression: string, most: bigint) => all(text, expression, most < 0n ? Infinity : Number(most)));
  add("string.charAt(int): string", charAt);
  add("string.replace(string, string): string", (text: string, old: string, by: string) => replace(text, old, by));
  add("string.replace(string, string, int): string", replace);
  add("string.reverse(): string", (text: string) => [...text].toReversed().join(""));
  add("string.format(list): string", format);
  add("StringFunctions.quote(string): string", (_: unknown, text: string) => JSON.stringify(text));
}

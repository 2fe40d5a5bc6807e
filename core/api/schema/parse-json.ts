/**
 * Text to JSON value, as the API server reads it. `JSON.parse` keeps the last of two equal fields and says nothing: then
 * the text has more fields than the value. Only to name them, to word errors, and where a field's name has an escape, a text
 * is parsed by hand. Messages are those of Go's encoding/json, because users search for them.
 *
 * Names with an escape, because V8 13.6 (Node 24) reads them wrong when it guesses: it compares the name that an object of this
 * form had before with the source of this one, which is longer. After {"a":1,"\\":2}, {"a":1,"\"":2} has the field "\".
 */
import { badRequest } from "../status.ts";

export interface Parsed {
  readonly value: unknown;
  /** `duplicate field "data.a"`, for strict validation and warnings */
  readonly problems: readonly string[];
}

/** Deeper values are refused: recursive readers further on must not exhaust the stack. Real objects stay below 50. */
export const MAX_DEPTH = 500;
/** Objects in one body. Two or three bytes can make a structure of many fields: the bound keeps 3 MB from making a million. */
export const MAX_OBJECTS = 300_000;
/** The strict errors that one answer lists. */
export const MAX_PROBLEMS = 100;

/** Throws BadRequest with Go's words. `duplicates`: look for equal fields (fieldValidation Strict and Warn). */
export function parseJson(text: string, { duplicates }: { duplicates: boolean }): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return parseByHand(text);
  }
  const fields = countFields(value, MAX_DEPTH);
  if (!duplicates && !text.includes("\\")) return { value, problems: [] };
  const names = namesOf(text);
  if (!names.escaped && (!duplicates || names.count === fields)) return { value, problems: [] };
  const read = parseByHand(text);
  return duplicates ? read : { value: read.value, problems: [] };
}

/** Throws BadRequest for a value that is too deep. */
function countFields(value: unknown, left: number): number {
  if (value === null || typeof value !== "object") return 0;
  if (left === 0) throw tooDeep();
  let fields = 0;
  if (Array.isArray(value)) for (const each of value) fields += countFields(each, left - 1);
  else for (const name of Object.keys(value)) fields += 1 + countFields((value as { readonly [name: string]: unknown })[name], left - 1);
  return fields;
}

/** The strings of a text, known to be JSON, that a colon follows, and whether any of them has an escape. */
function namesOf(text: string): { readonly count: number; readonly escaped: boolean } {
  let count = 0;
  let escaped = false;
  let escape = text.indexOf("\\");
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    if (escape >= 0 && escape < at) escape = text.indexOf("\\", at);
    do at = text.indexOf('"', at + 1);
    while (isEscaped(text, at));
    const end = at++;
    while (isSpace(text.charCodeAt(at))) at++;
    if (text[at] !== ":") continue;
    count++;
    escaped ||= escape >= 0 && escape < end;
  }
  return { count, escaped };
}

/** An odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let before = at;
  while (text.charCodeAt(before - 1) === 0x5c) before--;
  return (at - before) % 2 === 1;
}

const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

const tooDeep = () => badRequest(`exceeded max depth of ${MAX_DEPTH}`);

/** Assigns like an object literal: "__proto__" is a field like any other. */
export function setField(object: { [field: string]: unknown }, name: string, value: unknown): void {
  if (name === "__proto__") Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  else object[name] = value;
}

const escapes: { readonly [letter: string]: string } = {
  '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t",
};

function parseByHand(text: string): Parsed {
  let at = 0;
  const problems: string[] = [];
  const path: (string | number)[] = [];

  const whole = parseValue("looking for beginning of value");
  skipSpace();
  if (at < text.length) throw unexpected("after top-level value");
  return { value: whole, problems };

  function parseValue(where: string): unknown {
    skipSpace();
    const first = text[at];
    if (first === "{") return parseObject();
    if (first === "[") return parseArray();
    if (first === '"') return parseString();
    if (first === "t") return parseWord("true", true);
    if (first === "f") return parseWord("false", false);
    if (first === "n") return parseWord("null", null);
    return parseNumber(where);
  }

  function parseObject(): { [field: string]: unknown } {
    if (path.length >= MAX_DEPTH) throw tooDeep();
    const object: { [field: string]: unknown } = {};
    at++;
    skipSpace();
    if (text[at] === "}") {
      at++;
      return object;
    }
    for (;;) {
      skipSpace();
      if (text[at] !== '"') throw unexpected("looking for beginning of object key string");
      const name = parseString();
      skipSpace();
      if (text[at] !== ":") throw unexpected("after object key");
      at++;
      path.push(name);
      if (Object.hasOwn(object, name) && problems.length < MAX_PROBLEMS) problems.push(`duplicate field "${pathText(path)}"`);
      setField(object, name, parseValue("looking for beginning of value"));
      path.pop();
      skipSpace();
      const next = text[at];
      if (next !== "," && next !== "}") throw unexpected("after object key:value pair");
      at++;
      if (next === "}") return object;
    }
  }

  function parseArray(): unknown[] {
    if (path.length >= MAX_DEPTH) throw tooDeep();
    const array: unknown[] = [];
    at++;
    skipSpace();
    if (text[at] === "]") {
      at++;
      return array;
    }
    for (;;) {
      path.push(array.length);
      array.push(parseValue("looking for beginning of value"));
      path.pop();
      skipSpace();
      const next = text[at];
      if (next !== "," && next !== "]") throw unexpected("after array element");
      at++;
      if (next === "]") return array;
    }
  }

  function parseString(): string {
    let result = "";
    let start = ++at;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 0x22) {
        result += text.slice(start, at++);
        return result;
      }
      if (code === 0x5c) {
        result += text.slice(start, at) + parseEscape();
        start = at;
      } else if (code >= 0x20) at++;
      else throw unexpected("in string literal");
    }
  }

  function parseEscape(): string {
    at++;
    const letter = text[at] ?? "";
    if (letter === "u") {
      const digits = text.slice(at + 1, at + 5);
      const good = /^[0-9a-fA-F]*/.exec(digits)?.[0].length ?? 0;
      at += 1 + good;
      if (good < 4) throw unexpected("in \\u hexadecimal character escape");
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const plain = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
    if (plain === undefined) throw unexpected("in string escape code");
    at++;
    return plain;
  }

  function parseWord(word: string, value: unknown): unknown {
    for (let index = 0; index < word.length; index++, at++) {
      if (text[at] !== word[index]) throw unexpected(`in literal ${word} (expecting ${quoted(word[index])})`);
    }
    return value;
  }

  function parseNumber(where: string): number {
    const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    number.lastIndex = at;
    const found = number.exec(text)?.[0];
    if (found === undefined) {
      if (text[at] === "-") {
        at++;
        throw unexpected("in numeric literal");
      }
      throw unexpected(where);
    }
    at += found.length;
    return Number(found);
  }

  function skipSpace(): void {
    while (isSpace(text.charCodeAt(at))) at++;
  }

  function unexpected(where: string): Error {
    return badRequest(at >= text.length ? "unexpected end of JSON input" : `invalid character ${quoted(text[at])} ${where}`);
  }
}

/** Go's quoting of one byte: '\'' and '"' are special, control characters are escaped; of a longer character its first byte. A text may be bytes, one in each character. */
function quoted(given: string | undefined): string {
  const character = given !== undefined && given > "\u00ff" ? String.fromCharCode(firstByte(given)) : given;
  if (character === "'") return "'\\''";
  if (character === '"') return "'\"'";
  const shown = JSON.stringify(character ?? "").slice(1, -1);
  // C1 controls, which JSON shows as they are and Go does not
  return `'${shown.replace(/[\u007f-\u009f]/, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`)}'`;
}

function firstByte(character: string): number {
  // half of a pair: four bytes in UTF-8
  return /[\ud800-\udfff]/.test(character) ? 0xf0 : (Buffer.from(character)[0] ?? 0);
}

/** "spec.containers[0].name" */
export function pathText(path: readonly (string | number)[]): string {
  let text = "";
  for (const each of path) text += typeof each === "number" ? `[${each}]` : text === "" ? each : `.${each}`;
  return text;
}

/**
 * Label selectors as text (query parameters) and as objects (spec.selector), and field selectors. Both are parsed once
 * into requirements; matching allocates nothing. The errors are those of Kubernetes, as clients show them to users.
 */
import { labelValue, qualifiedName, quote } from "./names.ts";
import type { FieldError } from "./status.ts";
import { wordTable } from "./word-table.ts";

export type Operator = "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";

export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

/** All requirements must hold; an empty selector matches everything. */
export type Selector = readonly Requirement[];

export type Labels = { readonly [key: string]: string };

/** metav1.LabelSelector */
export interface LabelSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}

/** A selector that cannot be read; the registry answers BadRequest with its message. */
export class SelectorError extends Error {
  override readonly name = "SelectorError";
}

export const everything: Selector = [];

export function matchesLabels(selector: Selector, labels: Labels | undefined): boolean {
  for (const requirement of selector) if (!holds(requirement, labels)) return false;
  return true;
}

function holds({ key, operator, values }: Requirement, labels: Labels | undefined): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && isInteger(value) && BigInt(value) > BigInt(values[0] ?? "0");
    case "Lt":
      return value !== undefined && isInteger(value) && BigInt(value) < BigInt(values[0] ?? "0");
  }
}

const isInteger = (text: string) => /^[+-]?\d+$/.test(text);

/** The requirements of a metav1.LabelSelector. `undefined` selects nothing in most kinds: the caller decides. */
export function selectorOf(selector: LabelSelector): Selector {
  const requirements: Requirement[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) requirements.push({ key, operator: "In", values: [value] });
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    requirements.push({ key, operator: operator as Operator, values: values ?? [] });
  }
  return requirements;
}

/** The text form, keys in order: status.selector of Scale, messages. */
export function formatSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => ({ key, text: `${key}=${value}` }));
  const expressions = selectorOf({ matchExpressions }).map((requirement) => ({ key: requirement.key, text: formatRequirement(requirement) }));
  return [...labels, ...expressions]
    .toSorted((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0))
    .map(({ text }) => text)
    .join(",");
}

function formatRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case "In":
      return `${key} in (${values.toSorted().join(",")})`;
    case "NotIn":
      return `${key} notin (${values.toSorted().join(",")})`;
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
    case "Gt":
      return `${key}>${values[0]}`;
    case "Lt":
      return `${key}<${values[0]}`;
  }
}

/** What is wrong with a metav1.LabelSelector found at `path`. */
export function validateLabelSelector(selector: LabelSelector, path: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  const invalid = (field: string, value: string, wrong: string) =>
    errors.push({ type: "FieldValueInvalid", field, message: `Invalid value: ${quote(value)}: ${wrong}` });
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    for (const wrong of qualifiedName(key)) invalid(`${path}.matchLabels`, key, wrong);
    for (const wrong of labelValue(value)) invalid(`${path}.matchLabels`, value, wrong);
  }
  selector.matchExpressions?.forEach(({ key, operator, values }, index) => {
    const at = `${path}.matchExpressions[${index}]`;
    const some = (values?.length ?? 0) > 0;
    if (operator === "In" || operator === "NotIn") {
      if (!some) {
        errors.push({
          type: "FieldValueRequired",
          field: `${at}.values`,
          message: "Required value: must be specified when `operator` is 'In' or 'NotIn'",
        });
      }
    } else if (operator === "Exists" || operator === "DoesNotExist") {
      if (some) {
        errors.push({
          type: "FieldValueForbidden",
          field: `${at}.values`,
          message: "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        });
      }
    } else {
      invalid(`${at}.operator`, operator, "not a valid selector operator");
    }
    for (const wrong of qualifiedName(key)) invalid(`${at}.key`, key, wrong);
    values?.forEach((value, number) => {
      for (const wrong of labelValue(value)) invalid(`${at}.values[${number}]`, value, wrong);
    });
  });
  return errors;
}

/** Reads "app=web,tier in (a,b),!x". @throws SelectorError */
export function parseSelector(text: string): Selector {
  const requirements: Requirement[] = [];
  const tokens = new Tokens(text);
  for (;;) {
    const first = tokens.peek();
    if (first.kind === "end") return requirements;
    if (first.kind !== "word" && first.text !== "!") {
      throw new SelectorError(`found '${first.text}', expected: !, identifier, or 'end of string'`);
    }
    requirements.push(parseRequirement(tokens));
    const next = tokens.take();
    if (next.kind === "end") return requirements;
    if (next.text !== ",") throw new SelectorError(`found '${next.text}', expected: ',' or 'end of string'`);
    const after = tokens.peek();
    if (after.kind !== "word" && after.text !== "!") {
      throw new SelectorError(`found '${after.text}', expected: identifier after ','`);
    }
  }
}

interface Token {
  readonly kind: "word" | "symbol" | "end";
  readonly text: string;
}

class Tokens {
  readonly #tokens: Token[] = [];
  #at = 0;

  constructor(text: string) {
    for (const [part] of text.matchAll(/[=!<>]+|[(),]|[^\s=!<>(),]+/g)) {
      if (!/^[=!<>]/.test(part)) {
        this.#tokens.push({ kind: /^[(),]$/.test(part) ? "symbol" : "word", text: part });
        continue;
      }
      for (const [symbol] of part.matchAll(/==|!=|[=!<>]/g)) this.#tokens.push({ kind: "symbol", text: symbol });
    }
  }
  peek(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", text: "" };
  }
  take(): Token {
    const token = this.peek();
    this.#at++;
    return token;
  }
}

const OPERATORS = wordTable<Operator>({
  in: "In",
  notin: "NotIn",
  "=": "In",
  "==": "In",
  "!=": "NotIn",
  ">": "Gt",
  "<": "Lt",
});

function fail(message: string): never {
  throw new SelectorError(`unable to parse requirement: ${message}`);
}

function parseRequirement(tokens: Tokens): Requirement {
  const negated = tokens.peek().text === "!";
  if (negated) tokens.take();
  const key = tokens.take();
  if (key.kind !== "word") return fail(`found '${key.text}', expected: identifier`);
  const wrong = qualifiedName(key.text);
  if (wrong.length > 0) return fail(`<nil>: Invalid value: ${quote(key.text)}: ${wrong.join("; ")}`);
  if (negated) return { key: key.text, operator: "DoesNotExist", values: [] };
  const next = tokens.peek();
  if (next.kind === "end" || next.text === ",") return { key: key.text, operator: "Exists", values: [] };
  tokens.take();
  const operator = OPERATORS[next.text];
  if (operator === undefined) return fail(`found '${next.text}', expected: in, notin, =, ==, !=, gt, lt`);
  const values = next.kind === "word" ? parseValues(tokens) : [parseValue(tokens)];
  values.forEach((value, index) => {
    if ((operator === "Gt" || operator === "Lt") && !isInteger(value)) {
      fail(`values[${index}]: Invalid value: ${quote(value)}: for 'Gt', 'Lt' operators, the value must be an integer`);
    }
    const bad = labelValue(value);
    if (bad.length > 0) fail(`values[${index}][${key.text}]: Invalid value: ${quote(value)}: ${bad.join("; ")}`);
  });
  return { key: key.text, operator, values };
}

function parseValue(tokens: Tokens): string {
  const token = tokens.peek();
  if (token.kind === "end" || token.text === ",") return "";
  tokens.take();
  return token.kind === "word" ? token.text : fail(`found '${token.text}', expected: identifier`);
}

function parseValues(tokens: Tokens): readonly string[] {
  const open = tokens.take();
  if (open.text !== "(") return fail(`found '${open.text}' expected: '('`);
  const first = tokens.peek();
  if (first.text === ")") {
    tokens.take();
    return [""];
  }
  if (first.kind !== "word" && first.text !== ",") return fail(`found '${first.text}', expected: ',', ')' or identifier`);
  const values = new Set<string>();
  for (;;) {
    const token = tokens.take();
    const next = tokens.peek();
    if (token.kind === "word") {
      values.add(token.text);
      if (next.text === ")") break;
      if (next.text !== ",") return fail(`found '${next.text}', expected: ',' or ')'`);
    } else if (token.text === ",") {
      if (values.size === 0) values.add("");
      if (next.text === ")") {
        values.add("");
        break;
      }
      if (next.text === ",") {
        tokens.take();
        values.add("");
      }
    } else {
      return fail(`found '${token.text}', expected: ',', or identifier`);
    }
  }
  tokens.take();
  return [...values].toSorted();
}

export interface FieldRequirement {
  readonly path: string;
  readonly equal: boolean;
  readonly value: string;
}

/** Reads "status.phase!=Running,metadata.name=a"; in a value "\," "\=" and "\\" stand for themselves. @throws SelectorError */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return [...text.matchAll(/(?:\\.|[^,\\]|\\$)+/gs)]
    .map(([term]) => term)
    .toSorted()
    .map((term) => {
      const [, path, operator, value] = /^(.*?)(!=|==|=)(.*)$/s.exec(term) ?? [];
      if (path === undefined || value === undefined) throw new SelectorError(`invalid selector: '${text}'; can't understand '${term}'`);
      return { path, equal: operator !== "!=", value: unescape(value) };
    });
}

function unescape(text: string): string {
  return text.replace(/\\(.?)|=/gs, (sequence, character: string | undefined) => {
    if (character === "\\" || character === "," || character === "=") return character;
    if (character === undefined) throw new SelectorError(`invalid field selector: unescaped character in value: ${sequence.charCodeAt(0)}`);
    throw new SelectorError(`invalid field selector: invalid escape sequence: ${sequence}`);
  });
}

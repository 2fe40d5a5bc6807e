/**
 * Errors of CEL in the words of cel-go, with the place in the expression: users of Kubernetes know them, and tools match
 * on them. cel-js says what is wrong by a code and a node; the sentence is made from both.
 */
import { EvaluationError } from "@marcbachmann/cel-js";
import type { CelType, Node } from "./ast.ts";
import { isNode } from "./ast.ts";
import type { Mistake } from "./tokens.ts";

/** The expression is none, or its types do not fit; the message is the one of cel-go: "ERROR: <input>:1:6: …". */
export class CompileError extends Error {
  override readonly name = "CompileError";
}

/** Evaluation failed; the message is for the user. */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
}

/** Evaluation was stopped because it cost too much. */
export class CostError extends RuntimeError {
  constructor() {
    super("operation cancelled: actual cost limit exceeded");
  }
}

interface Failure {
  readonly code: string;
  readonly summary: string;
  readonly node?: unknown;
  /** of a field inside of has(): where that begins */
  readonly testedAt?: number;
  readonly range?: { readonly start: number; readonly end: number };
}

const isFailure = (error: unknown): error is Failure => error instanceof Error && "code" in error && "summary" in error;

/** The expression that a user wrote, where another one made from it is compiled. */
export interface Origin {
  readonly expression: string;
  readonly offsetOf: (at: number) => number;
}

export function compileError(error: unknown, expression: string, origin?: Origin): CompileError {
  if (!isFailure(error)) return new CompileError(error instanceof Error ? error.message : String(error));
  return mistaken([mistakeOf(error, expression)], expression, origin);
}

/** Mistakes in one message, and the length of a line that is shown with each; both as in cel-go. */
const SHOWN_MAX = 100;
const LINE_MAX = 16 * 1024;

/** At least one; in the order of the text. */
export function mistaken(mistakes: readonly Mistake[], expression: string, origin?: Origin): CompileError {
  const sorted = mistakes.toSorted((a, b) => a.at - b.at);
  const shown = sorted.slice(0, SHOWN_MAX).map(({ text, at }) => (origin === undefined ? located(text, at, expression) : located(text, origin.offsetOf(at), origin.expression)));
  return new CompileError([...shown, ...(sorted.length > SHOWN_MAX ? [`${sorted.length - SHOWN_MAX} more errors were truncated`] : [])].join("\n"));
}

/** The name that nobody declared, when that is what is wrong. */
export const undeclaredOf = (error: unknown): string | undefined =>
  isFailure(error) && error.code === "unknown_variable" && isNode(error.node) ? String(error.node.args) : undefined;

const isWide = (character: string) => character > "\u007f";

/** "ERROR: <input>:1:6: text", the line and a caret; wide under characters that are. Columns count characters. */
export function located(text: string, at: number, expression: string): string {
  // the end of no text is before its first column, and there is nothing to show
  if (expression === "") return `ERROR: <input>:1:0: ${text}`;
  const before = expression.slice(0, at);
  const line = before.split("\n").length;
  const shown = (expression.split("\n")[line - 1] ?? "").replaceAll("\t", " ");
  const leading = Array.from(before.slice(before.lastIndexOf("\n") + 1));
  const marks = leading.map((character) => (isWide(character) ? "\uff0e" : ".")).join("");
  const caret = isWide([...shown][leading.length] ?? "") ? "\uff3e" : "^";
  const place = `ERROR: <input>:${line}:${leading.length + 1}: ${text}`;
  return Buffer.byteLength(shown) > LINE_MAX ? place : `${place}\n | ${shown}\n | ${marks}${caret}`;
}

const OPERAND = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

/** `declares`: whether there is a function of a name, whatever it takes. */
export function mistakeOf(error: unknown, expression: string, declares: (name: string) => boolean = () => false): Mistake {
  if (!isFailure(error)) return { text: error instanceof Error ? error.message : String(error), at: 0 };
  return compileText(error, expression, declares);
}

function compileText(failure: Failure, expression: string, declares: (name: string) => boolean): Mistake {
  const at = failure.range?.start ?? 0;
  const node = isNode(failure.node) ? failure.node : undefined;
  const token = expression.slice(at, failure.range?.end ?? at);
  const shown = at >= expression.length || token === "" ? "<EOF>" : token;
  switch (failure.code) {
    case "unknown_variable":
      return { text: `undeclared reference to '${String(node?.args)}' (in container '')`, at };
    case "no_such_key":
      return { text: `undefined field '${lastArgument(node)}'`, at: failure.testedAt === undefined ? selectAt(node, expression) : expression.indexOf("(", failure.testedAt) };
    case "cannot_index_type":
      return { text: `type '${typeText(receiverType(node))}' does not support field selection`, at: selectAt(node, expression) };
    case "no_such_overload":
      return operatorText(node, expression);
    case "no_matching_overload":
      return callText(node, expression, declares);
    case "invalid_logical_operand":
      return { text: `expected type 'bool' but found '${celGo(/got '(.*)'$/.exec(failure.summary)?.[1] ?? "dyn")}'`, at: noBool(node)?.start ?? at };
    case "invalid_condition_type":
      return { text: `expected type 'bool' but found '${/got '(.*)'$/.exec(failure.summary)?.[1] ?? "dyn"}'`, at };
    case "incompatible_ternary_branches":
      return { text: `found no matching overload for '_?_:_' applied to '(bool, ${branches(failure.summary)})'`, at: Math.max(expression.indexOf("?", argument(node, 0)?.end ?? at), at) };
    case "heterogeneous_list_element":
    case "heterogeneous_map_key":
    case "heterogeneous_map_value":
      return { text: failure.summary.replace(/^.*expected type '(.*)' but found '(.*)'$/, "expected type '$1' but found '$2'"), at };
    case "expected_token":
      return expectedToken(failure.summary, shown, at, expression);
    case "unexpected_token":
      return { text: `Syntax error: mismatched input '${shown}' expecting ${OPERAND}`, at };
    case "unexpected_character":
      if (token === "{" && messageBefore(expression, at) !== undefined) return { text: `undeclared reference to '${messageBefore(expression, at)}' (in container '')`, at };
      return { text: failure.summary.startsWith("Unexpected character: '") ? `Syntax error: extraneous input '${shown}' expecting <EOF>` : `Syntax error: token recognition error at: '${shown}'`, at };
    case "unterminated_string":
      return { text: `Syntax error: token recognition error at: '${shown}'`, at };
    case "reserved_identifier":
      return { text: `reserved identifier: ${token}`, at };
    default:
      return { text: MACROS.find(([pattern]) => pattern.test(failure.summary))?.[1] ?? failure.summary, at };
  }
}

function expectedToken(summary: string, shown: string, at: number, expression: string): Mistake {
  const expected = /^Expected (\w+)/.exec(summary)?.[1] ?? "";
  const closing: { readonly [token: string]: string } = { RPAREN: ")", RBRACKET: "]", RBRACE: "}", COLON: ":" };
  const last = expression.slice(0, at).trimEnd().at(-1) ?? "";
  if (expected === "IDENTIFIER") return { text: `Syntax error: no viable alternative at input '${shown === "<EOF>" ? last : `${last}${shown}`}'`, at };
  return { text: `Syntax error: missing '${closing[expected] ?? expected}' at '${shown}'`, at };
}

/** The name in front of a brace: cel-js knows no messages. */
const messageBefore = (expression: string, at: number) => /([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*$/.exec(expression.slice(0, at))?.[1];

/** What cel-js says of the arguments of a macro, and what cel-go does. */
const MACROS: readonly (readonly [RegExp, string])[] = [
  [/^has\(\) invalid argument/, "invalid argument to has() macro"],
  [/invalid predicate iteration variable$/, "argument must be a simple name"],
];

const noBool = (node: Node | undefined) => [argument(node, 0), argument(node, 1)].find((operand) => operand?.checkedType !== undefined && !["bool", "dyn"].includes(operand.checkedType.name));

const lastArgument = (node: Node | undefined) => String(Array.isArray(node?.args) ? node.args.at(-1) : "");
const argument = (node: Node | undefined, index: number): Node | undefined => {
  const value: unknown = Array.isArray(node?.args) ? node.args[index] : undefined;
  return isNode(value) ? value : undefined;
};
const receiverType = (node: Node | undefined) => argument(node, 0)?.checkedType;

/** cel-go places a selection at its dot. */
function selectAt(node: Node | undefined, expression: string): number {
  if (node === undefined) return 0;
  const after = argument(node, 0)?.end ?? node.start;
  const dot = expression.indexOf(node.op.startsWith("[") ? "[" : ".", after);
  return dot < 0 ? node.pos : dot;
}

function branches(summary: string): string {
  const [, left = "dyn", right = "dyn"] = /got '(.*)' and '(.*)'$/.exec(summary) ?? [];
  return `${celGo(left)}, ${celGo(right)}`;
}

function operatorText(node: Node | undefined, expression: string): Mistake {
  if (node === undefined) return { text: "found no matching overload", at: 0 };
  if (isNode(node.args)) {
    return { text: `found no matching overload for '${node.op === "!_" ? "!_" : "-_"}' applied to '(${typeText(node.args.checkedType)})'`, at: node.start };
  }
  const left = argument(node, 0);
  const right = argument(node, 1);
  const found = expression.indexOf(node.op, left?.end ?? 0);
  const name = node.op === "in" ? "@in" : `_${node.op}_`;
  return {
    text: `found no matching overload for '${name}' applied to '(${typeText(left?.checkedType)}, ${typeText(right?.checkedType)})'`,
    at: found < 0 ? node.pos : found,
  };
}

function callText(node: Node | undefined, expression: string, declares: (name: string) => boolean): Mistake {
  if (node === undefined || !Array.isArray(node.args)) return { text: "found no matching overload", at: 0 };
  const [name, second, third] = node.args as readonly unknown[];
  const receiver = node.op === "rcall" && isNode(second) ? second : undefined;
  const given = (receiver === undefined ? second : third) as readonly unknown[];
  const types = given.map((each) => typeText(isNode(each) ? each.checkedType : undefined)).join(", ");
  const shown = plainName(String(name));
  const open = expression.indexOf("(", receiver === undefined ? node.start : receiver.end);
  const at = open < 0 ? node.pos : open;
  if (!isDeclared(node) && !declares(String(name))) return { text: `undeclared reference to '${shown}' (in container '')`, at };
  const signature = receiver === undefined ? `(${types})` : `${typeText(receiver.checkedType)}.(${types})`;
  return { text: `found no matching overload for '${shown}' applied to '${signature}'`, at };
}

/** Functions of this server stand in for some of cel-js under a name of their own (rename.ts). */
const plainName = (name: string) => name.replace(/^k8s_/, "");

function isDeclared(node: Node): boolean {
  const candidates = (node as { candidates?: { declarations?: readonly unknown[] } }).candidates;
  return (candidates?.declarations?.length ?? 0) > 0;
}

const typeText = (type: CelType | undefined): string => celGo(type?.name ?? "dyn");

/** The name of a type as cel-go writes it: "list<string>" of cel-js is "list(string)"; a type that is open is dyn. */
export const celGo = (name: string) => name.replace(/\b[A-Z]\b(?=[,>])/g, "dyn").replace(/^dyn<(.*)>$/, "$1").replaceAll("optional<", "optional_type<").replaceAll("<", "(").replaceAll(">", ")").replace(/\bnull\b/g, "null_type");

export function runtimeError(error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  if (!isFailure(error)) return new RuntimeError(error instanceof Error ? error.message : String(error), { cause: error });
  return new RuntimeError(runtimeText(error), { cause: error });
}

function runtimeText({ code, summary }: Failure): string {
  switch (code) {
    case "no_such_key":
      return summary.replace(/^No such key/, "no such key");
    case "index_out_of_bounds":
      return `index out of bounds: ${/index (-?\d+)/.exec(summary)?.[1] ?? ""}`;
    case "no_such_overload":
    case "no_matching_overload":
    case "invalid_logical_operand":
    case "invalid_condition_type":
      return "no such overload";
    case "modulo_by_zero":
      return "modulus by zero";
    case "numeric_overflow":
      return "integer overflow";
    case "optional_value_missing":
      return "optional.none() dereference";
    default:
      return summary;
  }
}

/** For functions of the library: an error that evaluation treats as one of its own. */
export function functionError(message: string): Error {
  return new EvaluationError({ code: "function_error", message });
}

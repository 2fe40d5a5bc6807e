/**
 * The tokens of an expression and the characters that begin none, in the way of a lexer made by ANTLR from the grammar of
 * CEL (cel-spec, "Syntax"): the longest match wins, and what was read before a match failed is one error.
 */
export interface Token {
  /** as errors name it: "'['", "NUM_INT", "<EOF>" */
  readonly type: string;
  readonly text: string;
  readonly start: number;
}

export interface Mistake {
  readonly text: string;
  readonly at: number;
}

/** Symbols in the order in which errors list them. */
export const SYMBOLS = ["==", "!=", "in", "<", "<=", ">=", ">", "&&", "||", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":", "+", "*", "/", "%", "true", "false", "null"];
const WORDS = new Set(SYMBOLS.filter((symbol) => /\w/.test(symbol)));

const ESCAPE = String.raw`\\(?:[abfnrtv"'?` + "`" + String.raw`\\]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})`;
const quoted = (quote: string, raw: boolean) => `${quote}(?:${raw ? "" : `${ESCAPE}|`}[^${raw ? "" : "\\\\"}${quote}\\n\\r])*${quote}`;
const long = (quote: string, raw: boolean) => `${quote.repeat(3)}(?:${raw ? "" : `${ESCAPE}|`}[^${raw ? "" : "\\\\"}])*?${quote.repeat(3)}`;
const STRING = [`[rR](?:${long('"', true)}|${long("'", true)}|${quoted('"', true)}|${quoted("'", true)})`, long('"', false), long("'", false), quoted('"', false), quoted("'", false)].join("|");

const KINDS: readonly (readonly [type: string, pattern: RegExp])[] = (
  [
    ["", String.raw`[\t \r\n\f]+|//[^\n]*`],
    ["NUM_FLOAT", String.raw`\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?`],
    ["NUM_UINT", "(?:0x[0-9a-fA-F]+|\\d+)[uU]"],
    ["NUM_INT", "0x[0-9a-fA-F]+|\\d+"],
    ["STRING", STRING],
    ["BYTES", `[bB](?:${STRING})`],
    ["IDENTIFIER", "[A-Za-z_]\\w*"],
    ["ESC_IDENTIFIER", "`[\\w.\\-/ ]+`"],
    // the longer ones first
    ["'", SYMBOLS.filter((symbol) => !WORDS.has(symbol)).toSorted((one, other) => other.length - one.length).map((symbol) => symbol.replace(/[^\w]/g, "\\$&")).join("|")],
  ] as const
).map(([type, pattern]) => [type, new RegExp(pattern, "y")]);

/** The tokens, "<EOF>" the last. */
export function tokensOf(expression: string): { readonly tokens: readonly Token[]; readonly mistakes: readonly Mistake[] } {
  const tokens: Token[] = [];
  const mistakes: Mistake[] = [];
  for (let at = 0; at < expression.length; ) {
    const found = longest(expression, at);
    if (found === undefined) {
      const end = failedEnd(expression, at);
      mistakes.push({ text: `token recognition error at: '${expression.slice(at, end)}'`, at });
      at = end;
      continue;
    }
    const text = expression.slice(at, at + found.length);
    if (found.type !== "") tokens.push({ type: found.type === "'" || WORDS.has(text) ? `'${text}'` : found.type, text, start: at });
    at += found.length;
  }
  tokens.push({ type: "<EOF>", text: "<EOF>", start: expression.length });
  return { tokens, mistakes };
}

function longest(expression: string, at: number): { readonly type: string; readonly length: number } | undefined {
  let best: { readonly type: string; readonly length: number } | undefined;
  for (const [type, pattern] of KINDS) {
    pattern.lastIndex = at;
    const length = pattern.exec(expression)?.[0].length ?? 0;
    if (length > (best?.length ?? 0)) best = { type, length };
  }
  return best;
}

/** Where reading stopped: behind the first character that no token has there. */
function failedEnd(expression: string, at: number): number {
  const first = expression[at] ?? "";
  let end = at;
  if (first === '"' || first === "'") end = failedString(expression, at);
  // half of a symbol
  else if ("=&|".includes(first)) end = at + 1;
  else if (first === "`") end = at + 1 + (/^[\w.\-/ ]*/.exec(expression.slice(at + 1))?.[0].length ?? 0);
  // a whole character, of two units perhaps
  return Math.min(end + String.fromCodePoint(expression.codePointAt(end) ?? 0).length, expression.length);
}

function failedString(expression: string, at: number): number {
  const body = new RegExp(`(?:${ESCAPE}|[^\\\\${expression[at]}\\n\\r])*`, "y");
  body.lastIndex = at + 1;
  const end = at + 1 + (body.exec(expression)?.[0].length ?? 0);
  const escape = /\\(?:x[0-9a-fA-F]{0,2}|u[0-9a-fA-F]{0,4}|U[0-9a-fA-F]{0,8}|[0-3][0-7]{0,2})?/y;
  escape.lastIndex = end;
  return end + (escape.exec(expression)?.[0].length ?? 0);
}

/**
 * Regular expressions of the API are Go's (RE2): patterns in schemas and `matches` in CEL. This translates the syntax that
 * JavaScript does not share and refuses by name what RE2 does not have; the linear time that RE2 promises comes from the
 * engine, which leaves backtracking when there is too much of it (`boundBacktracking`).
 */
import { setFlagsFromString } from "node:v8";
import { wordTable } from "../api/word-table.ts";

/** The pattern is no regular expression; the message is Go's. */
export class RegExpError extends Error {
  override readonly name = "RegExpError";
}

/** Once per process, before the first pattern: V8 continues with its linear engine after 50 000 backtracks. */
export function boundBacktracking(): void {
  setFlagsFromString("--enable-experimental-regexp-engine-on-excessive-backtracks");
}

/** Longest pattern that is compiled: far above real ones, and small enough to read in no time. */
const LENGTH_MAX = 10_000;

const posix = wordTable<string>({
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7F",
  blank: "\\t ",
  cntrl: "\\x00-\\x1F\\x7F",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
});

/** Only then: the linear engine knows no Unicode mode. Without it "." takes half of a character beyond the first plane. */
const NEEDS_UNICODE = /\\[pP]\{|\\u\{|[^\t-~]/;

/** @throws RegExpError */
export function goRegExp(pattern: string): RegExp {
  if (pattern.length > LENGTH_MAX) throw new RegExpError("error parsing regexp: expression too large");
  const { source, flags } = translate(pattern);
  try {
    return new RegExp(source, NEEDS_UNICODE.test(source) ? `u${flags}` : flags);
  } catch (error) {
    throw new RegExpError(`error parsing regexp: ${error instanceof Error ? error.message.replace(/^Invalid regular expression: /, "") : "invalid"}`, { cause: error });
  }
}

interface Group {
  readonly folded: boolean;
  /** groups that were opened for flags inside of it, and end with it */
  inner: number;
}

function translate(pattern: string): { readonly source: string; readonly flags: string } {
  const leading = /^\(\?([ims]+)\)/.exec(pattern);
  // the linear engine knows no mode without case either: both cases are written out
  let folded = leading?.[1]?.includes("i") === true;
  const flags = [...new Set(leading?.[1] ?? "")].filter((flag) => flag !== "i").join("");
  const groups: Group[] = [{ folded, inner: 0 }];
  let at = leading?.[0].length ?? 0;
  let source = "";
  while (at < pattern.length) {
    // flags in the middle hold to the end of their group
    const inline = /^\(\?([ims]+)\)/.exec(pattern.slice(at, at + 8));
    const current = groups.at(-1);
    if (inline !== null && current !== undefined) {
      if (inline[1]?.includes("i") === true) folded = true;
      const others = (inline[1] ?? "").replace("i", "");
      if (others !== "") {
        source += `(?${others}:`;
        current.inner++;
      }
      at += inline[0].length;
      continue;
    }
    if (pattern[at] === "(") groups.push({ folded, inner: 0 });
    else if (pattern[at] === ")" && groups.length > 1) {
      const ended = groups.pop();
      source += ")".repeat(ended?.inner ?? 0);
      folded = ended?.folded ?? false;
    }
    const [made, next] = translateAt(pattern, at, folded);
    source += made;
    at = next;
  }
  return { source: source + ")".repeat(groups[0]?.inner ?? 0), flags };
}

function translateAt(pattern: string, at: number, folded: boolean): readonly [made: string, next: number] {
  const char = pattern[at] ?? "";
  switch (char) {
    case "\\":
      return escape(pattern, at);
    case "[":
      return characterClass(pattern, at, folded);
    case "(":
      return group(pattern, at);
    case "{": {
      // a brace that is no repetition stands for itself
      const repetition = /^\{\d+(?:,\d*)?\}/.exec(pattern.slice(at, at + 24))?.[0];
      return repetition === undefined ? ["\\{", at + 1] : [repetition, at + repetition.length];
    }
    case "}":
    case "]":
      return [`\\${char}`, at + 1];
    default:
      return [folded && LETTER.test(char) ? `[${char}${otherCase(char)}]` : char, at + 1];
  }
}

const LETTER = /^[A-Za-z]$/;
const otherCase = (letters: string) => letters.replace(/[A-Za-z]/g, (letter) => (letter < "a" ? letter.toLowerCase() : letter.toUpperCase()));

function group(pattern: string, at: number): readonly [string, number] {
  const rest = pattern.slice(at, at + 64);
  const perl = /^\(\?(?:[=!]|<[=!])/.exec(rest)?.[0];
  if (perl !== undefined) throw new RegExpError(`error parsing regexp: invalid or unsupported Perl syntax: \`${perl}\``);
  const named = /^\(\?P<(\w+)>/.exec(rest);
  return named === null ? ["(", at + 1] : [`(?<${named[1]}>`, at + named[0].length];
}

function escape(pattern: string, at: number): readonly [string, number] {
  const next = pattern[at + 1];
  if (next === undefined) throw new RegExpError("error parsing regexp: trailing backslash at end of expression: ``");
  const quoted = next === "Q" ? /^\\Q([\s\S]*?)(?:\\E|$)/.exec(pattern.slice(at)) : null;
  if (quoted !== null) return [(quoted[1] ?? "").replace(/[\^$\\.*+?()[\]{}|/]/g, "\\$&"), at + quoted[0].length];
  if (next === "A") return ["(?<![\\s\\S])", at + 2];
  if (next === "z") return ["(?![\\s\\S])", at + 2];
  return classEscape(pattern, at, false);
}

function classEscape(pattern: string, at: number, inClass: boolean): readonly [string, number] {
  const next = pattern[at + 1] ?? "";
  if (/[1-9]/.test(next)) throw new RegExpError(`error parsing regexp: invalid escape sequence: \`\\${next}\``);
  const braced = /^\\[pPx]\{[^}]*\}/.exec(pattern.slice(at, at + 48))?.[0];
  if (braced !== undefined) return [braced.startsWith("\\x") ? `\\u${braced.slice(2)}` : property(braced), at + braced.length];
  if (/[pP]/.test(next)) return [`\\${next}{${pattern[at + 2] ?? ""}}`, at + 3];
  if (next === "a") return ["\\x07", at + 2];
  if (/[dDsSwWnrtfv]/.test(next) || (!inClass && /[bB]/.test(next))) return [`\\${next}`, at + 2];
  if (next === "x") return [pattern.slice(at, at + 4), at + 4];
  if (/[A-Za-z0-9]/.test(next)) throw new RegExpError(`error parsing regexp: invalid escape sequence: \`\\${next}\``);
  const special = inClass ? /[\^\\\][-]/ : /[\^$\\.*+?()[\]{}|/]/;
  return [special.test(next) ? `\\${next}` : next, at + 2];
}

const scripts = (name: string) => (name.length > 2 ? `Script=${name}` : name);
const property = (braced: string) => braced.replace(/^(\\[pP])\{\^?([^}]*)\}$/, (_, letter: string, name: string) => `${letter}{${scripts(name)}}`);

function characterClass(pattern: string, start: number, folded: boolean): readonly [string, number] {
  let at = start + 1;
  let made = "[";
  if (pattern[at] === "^") {
    made += "^";
    at++;
  }
  // a dash beside a set (\w, [:digit:]) is no range
  let afterSet = false;
  for (let first = true; ; first = false) {
    const char = pattern[at];
    if (char === undefined) throw new RegExpError(`error parsing regexp: missing closing ]: \`${pattern.slice(start)}\``);
    if (char === "]" && !first) return [`${made}]`, at + 1];
    const letters = folded ? /^(?:[a-z]-[a-z]|[A-Z]-[A-Z]|[A-Za-z](?!-))/.exec(pattern.slice(at, at + 3))?.[0] : undefined;
    if (letters !== undefined) {
      made += letters + otherCase(letters);
      at += letters.length;
      afterSet = false;
      continue;
    }
    const name = /^\[:(\w+):\]/.exec(pattern.slice(at, at + 16));
    if (name !== null) {
      made += posix[name[1] ?? ""] ?? "";
      at += name[0].length;
      afterSet = true;
    } else if (char === "-" && (afterSet || /^-\\[dDsSwWpP]/.test(pattern.slice(at, at + 3)))) {
      made += "\\-";
      at++;
      afterSet = false;
    } else if (char === "\\") {
      const [escaped, next] = classEscape(pattern, at, true);
      made += escaped;
      at = next;
      afterSet = /^\\[dDsSwWpP]/.test(escaped);
    } else {
      made += char === "[" || char === "]" ? `\\${char}` : char;
      at++;
      afterSet = false;
    }
  }
}

/**
 * Reading tokens as a parser made by ANTLR does, which goes on after a mistake: with a token left out, one made up, or
 * behind the next token that can follow (The Definitive ANTLR 4 Reference, "Automatic Error Recovery Strategy").
 */
import { type Mistake, SYMBOLS, type Token } from "./tokens.ts";

/** A mistake ends the rule in which it is found; the rule that called it goes on. */
export class RuleEnd extends Error {}

interface Frame {
  /** what can follow in the rule that called */
  readonly follow: readonly string[];
  /** that rule may end there */
  readonly open: boolean;
}

/** Rules within rules, about eight for each parenthesis. */
const FRAMES_MAX = 2000;
/** As many as cel-go tells of. */
const MISTAKES_MAX = 100;

/** What is deeper, or has more mistakes, is not read to its end. */
export class GivenUp extends Error {}

const ORDER = [...SYMBOLS.map((symbol) => `'${symbol}'`), "NUM_FLOAT", "NUM_INT", "NUM_UINT", "STRING", "BYTES", "IDENTIFIER", "ESC_IDENTIFIER"];

export type Reader = ReturnType<typeof readerOf>;

export function readerOf(tokens: readonly Token[], expression: string) {
  const found: Mistake[] = [];
  const frames: Frame[] = [];
  let index = 0;
  /** what follows a mistake is no mistake of its own until a token fits again */
  let recovering = false;
  let lastError = { index: -1, rules: new Set<string>() };

  const token = (ahead = 0): Token => tokens[Math.min(index + ahead, tokens.length - 1)] as Token;
  const type = (ahead = 0) => token(ahead).type;
  const is = (...symbols: readonly string[]) => symbols.includes(type().slice(1, -1));
  const skip = () => void (index = Math.min(index + 1, tokens.length - 1));

  function report(text: string, at = token().start): void {
    if (recovering) return;
    if (found.length >= MISTAKES_MAX) throw new GivenUp();
    recovering = true;
    found.push({ text: `Syntax error: ${text}`, at });
  }
  const unwanted = (expected: readonly string[]) => report(`extraneous input '${token().text}' expecting ${listed(expected)}`);

  /** The next token, which fits. */
  function take(): void {
    recovering = false;
    skip();
  }

  function skipTo(expected: readonly string[]): void {
    const stop = new Set([...expected, "<EOF>", ...frames.flatMap((frame) => frame.follow)]);
    while (!stop.has(type())) skip();
  }

  /** The next token, if left out, makes it right. */
  function deleted(expected: readonly string[]): boolean {
    if (!expected.includes(type(1)) || type() === "<EOF>") return false;
    unwanted(expected);
    take();
    return true;
  }

  function mismatched(expected: readonly string[]): never {
    report(`mismatched input '${token().text}' expecting ${listed(expected)}`);
    throw new RuleEnd();
  }

  /** No rule goes on with the next two tokens. */
  function noViable(): never {
    const last = token(1);
    const { text: first, start } = token();
    const between = expression.slice(start + first.length, last.start).replace(/\S/g, "");
    const text = first + (last.type === "<EOF>" ? "" : between + last.text);
    const word = /^\.(true|false|null)$/.exec(text)?.[1];
    report(word === undefined ? `no viable alternative at input '${text}'` : `mismatched input '${word}' expecting IDENTIFIER`, last.start);
    throw new RuleEnd();
  }

  /** `next`: what can come after it in this rule; `open`: the rule may end after it. @throws RuleEnd */
  function match(symbol: string, next: readonly string[] = [], open = true): void {
    const wanted = symbol === "<EOF>" || symbol === "IDENTIFIER" ? symbol : `'${symbol}'`;
    if (type() !== wanted) {
      if (!deleted([wanted])) {
        if (![...next, ...(open ? following() : [])].includes(type())) mismatched([wanted]);
        // as if it were there
        report(`missing ${wanted} at '${token().text}'`);
        return;
      }
    }
    take();
  }

  /** Before a part that must begin with one of these. @throws RuleEnd */
  function sync(expected: readonly string[]): void {
    if (recovering || expected.includes(type()) || deleted(expected)) return;
    mismatched(expected);
  }

  /** Between repetitions of a part, or before what follows them. @throws RuleEnd */
  function syncAgain(expected: readonly string[]): void {
    if (recovering || expected.includes(type())) return;
    unwanted(expected);
    skipTo(expected);
    if (!expected.includes(type())) throw new RuleEnd();
  }

  /** What can follow here, out through the rules that may end. */
  function following(): readonly string[] {
    const all: string[] = [];
    for (const { follow, open } of frames.toReversed()) {
      all.push(...follow);
      if (!open) break;
    }
    return all;
  }

  /** Runs a rule; `follow` and `open` say what can come after it where it is called. */
  function rule(name: string, body: () => void, follow: readonly string[], open: boolean): void {
    if (frames.length > FRAMES_MAX) throw new GivenUp();
    frames.push({ follow, open });
    try {
      body();
    } catch (error) {
      if (!(error instanceof RuleEnd)) throw error;
      // to come here twice is to go in circles
      if (lastError.index === index && lastError.rules.has(name)) skip();
      if (lastError.index !== index) lastError = { index, rules: new Set() };
      lastError.rules.add(name);
      skipTo([]);
    }
    frames.pop();
  }

  /** A mistake that is none of the syntax; said even while recovering. */
  const say = (text: string, at: number) => void found.push({ text, at });
  return { found, token, type, is, take, match, sync, syncAgain, rule, noViable, say };
}

/** "']'", "{']', ','}" in the order of the grammar */
function listed(types: readonly string[]): string {
  const shown = [...new Set(types)].toSorted((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b));
  return shown.length === 1 ? String(shown[0]) : `{${shown.join(", ")}}`;
}

/**
 * What is wrong with the syntax of an expression: all of it and in the words of cel-go, whose parser is made by ANTLR. This
 * goes through an expression rule by rule (cel-spec, "Syntax") as that parser does, mistakes included, and makes no tree:
 * what an expression means is the business of cel-js.
 */
import { GivenUp, type Reader, readerOf, RuleEnd } from "./recovery.ts";
import { type Mistake, tokensOf } from "./tokens.ts";

const sym = (...symbols: readonly string[]) => symbols.map((symbol) => `'${symbol}'`);
const LITERALS = [...sym("true", "false", "null"), "NUM_FLOAT", "NUM_INT", "NUM_UINT", "STRING", "BYTES"];
/** what can begin an expression, and a member of one */
const OPERAND = [...sym("[", "{", "(", ".", "-", "!"), ...LITERALS, "IDENTIFIER"];
const MEMBER = OPERAND.filter((type) => type !== "'!'");
const NAMES = ["IDENTIFIER", "ESC_IDENTIFIER"];
const RELATIONS = sym("<", "<=", ">=", ">", "==", "!=", "in");
const TIMES = sym("*", "/", "%");
const PLUS = sym("+", "-");
const RESERVED = new Set("as break const continue else for function if import let loop package namespace return var void while".split(" "));

/** In the order of the text; empty: nothing wrong that this knows of. */
export function syntaxErrors(expression: string): readonly Mistake[] {
  const { tokens, mistakes } = tokensOf(expression);
  const reader = readerOf(tokens, expression);
  try {
    read(reader);
  } catch (error) {
    if (!(error instanceof GivenUp)) throw error;
  }
  return [...mistakes.map(({ text, at }) => ({ text: `Syntax error: ${text}`, at })), ...reader.found].toSorted((a, b) => a.at - b.at);
}

function read({ token, type, is, take, match, sync, syncAgain, rule, noViable, say }: Reader): void {
  function expr(follow: readonly string[], open: boolean): void {
    rule("expr", () => {
      or(sym("?"), true);
      if (!is("?")) return;
      match("?");
      or(sym(":"), false);
      match(":", OPERAND, false);
      expr([], true);
    }, follow, open);
  }

  /** Operands with operators between them. */
  const chain = (name: string, operators: readonly string[], operand: (follow: readonly string[], open: boolean) => void) => (follow: readonly string[], open: boolean) => {
    rule(name, () => {
      operand(operators, true);
      while (operators.includes(type())) {
        take();
        operand(operators, true);
      }
    }, follow, open);
  };
  const factor = chain("factor", TIMES, (follow, open) => unary([...follow, ...PLUS], open));
  const calc = chain("calc", PLUS, factor);
  const relation = chain("relation", RELATIONS, calc);
  const and = chain("and", sym("&&"), relation);
  const or = chain("or", sym("||"), and);

  function unary(follow: readonly string[], open: boolean): void {
    rule("unary", () => {
      sync(OPERAND);
      const number = (ahead: number) => ["NUM_INT", "NUM_FLOAT"].includes(type(ahead));
      if (is("-") && !MEMBER.includes(type(1))) noViable();
      if (is("!")) signs("!", OPERAND, () => true);
      else signs("-", MEMBER, () => !number(1));
      member();
    }, follow, open);
  }

  function signs(sign: string, next: readonly string[], applies: () => boolean): void {
    while (is(sign) && applies()) {
      match(sign);
      syncAgain(next);
    }
  }

  function member(): void {
    rule("member", () => {
      rule("primary", primary, sym(".", "["), true);
      for (;;) {
        if (is("[")) subscript();
        else if (is(".")) selection();
        else return;
      }
    }, [], true);
  }

  function subscript(): void {
    match("[");
    sync([...OPERAND, "'?'"]);
    if (is("?")) match("?");
    expr(sym("]"), false);
    match("]", sym(".", "["));
  }

  function selection(): void {
    if (type(1) === "'?'") {
      match(".");
      match("?");
      const { start } = token();
      const missing = !NAMES.includes(type()) && !NAMES.includes(type(1));
      fieldName(sym(".", "["), true);
      // its tree has no name for the field
      if (missing) say("unsupported ident kind", start);
      return;
    }
    if (!NAMES.includes(type(1))) noViable();
    match(".");
    const called = type() === "IDENTIFIER" && type(1) === "'('";
    take();
    if (called) call();
  }

  function call(): void {
    match("(");
    sync([...OPERAND, "')'"]);
    if (OPERAND.includes(type())) rule("arguments", () => listOf(() => expr(sym(","), true)), sym(")"), false);
    match(")", sym(".", "["));
  }

  function fieldName(follow: readonly string[], open: boolean): void {
    rule("field name", () => {
      sync(NAMES);
      if (!NAMES.includes(type())) throw new RuleEnd();
      take();
    }, follow, open);
  }

  /** Where another item must begin as `begins` says, a comma before anything else is not of the list. */
  function listOf(item: () => void, begins?: readonly string[]): void {
    item();
    while (is(",") && begins?.includes(type(1)) !== false) {
      match(",");
      item();
    }
  }

  function primary(): void {
    sync(MEMBER);
    if (is("(")) {
      match("(");
      expr(sym(")"), false);
      match(")", sym(".", "["));
    } else if (is("[")) braced("[", "]", () => optional(sym(","), true), [...OPERAND, "'?'"]);
    else if (is("{")) braced("{", "}", () => entry(() => optional(sym(":"), false)), [...OPERAND, "'?'"]);
    else if (is(".") || type() === "IDENTIFIER") named();
    else if (is("-")) {
      match("-");
      take();
    } else if (LITERALS.includes(type())) take();
    else noViable();
  }

  function named(): void {
    const dotted = is(".") ? 1 : 0;
    if (dotted === 1 && type(1) !== "IDENTIFIER") noViable();
    let end = dotted + 1;
    while (type(end) === "'.'" && type(end + 1) === "IDENTIFIER") end += 2;
    const message = type(end) === "'{'";
    const { text, start } = token(dotted);
    if (!message && RESERVED.has(text)) say(`reserved identifier: ${text}`, start);
    for (let count = message ? end : dotted + 1; count > 0; count--) take();
    if (message) braced("{", "}", () => entry(field), [...NAMES, "'?'"]);
    else if (is("(")) call();
  }

  function braced(from: string, to: string, item: () => void, begins: readonly string[]): void {
    match(from);
    sync([...begins, ...sym(",", to)]);
    if (begins.includes(type())) rule("items", () => listOf(item, begins), sym(",", to), false);
    sync(sym(",", to));
    if (is(",")) match(",");
    match(to, sym(".", "["));
  }

  function entry(key: () => void): void {
    key();
    match(":", OPERAND, false);
    expr(sym(","), true);
  }

  function optional(follow: readonly string[], open: boolean): void {
    rule("optional", () => {
      sync([...OPERAND, "'?'"]);
      if (is("?")) match("?");
      expr([], true);
    }, follow, open);
  }

  function field(): void {
    rule("field", () => {
      sync([...NAMES, "'?'"]);
      if (is("?")) match("?");
      fieldName([], true);
    }, sym(":"), false);
  }

  rule("start", () => {
    expr(["<EOF>"], false);
    match("<EOF>", [], false);
  }, [], false);
}

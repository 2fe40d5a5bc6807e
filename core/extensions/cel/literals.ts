/** Constants that no function takes: found when an expression is compiled, not when it runs. */
import { goRegExp, RegExpError } from "../go-regexp.ts";
import type { Node } from "./ast.ts";
import { isNode } from "./ast.ts";
import { duration, timestamp } from "./times.ts";
import type { Mistake } from "./tokens.ts";

const fits: { readonly [called: string]: readonly [name: string, fits: (text: string) => boolean] } = {
  "call duration": ["duration", (text) => typeof duration(text) !== "string"],
  // a date alone is a time in schemas only
  "call timestamp": ["timestamp", (text) => text.includes("T") && typeof timestamp(text) !== "string"],
  "rcall k8s_matches": ["matches", isPattern],
};

function isPattern(text: string): boolean {
  try {
    goRegExp(text);
    return true;
  } catch (error) {
    if (error instanceof RegExpError) return false;
    throw error;
  }
}

const INT = 2n ** 63n;

export function literalMistake({ op, args, start }: Node): readonly Mistake[] {
  if (op === "value" && typeof args === "bigint" && (args >= INT || args < -INT)) return [{ text: "invalid int literal", at: start }];
  const [name, ...rest] = Array.isArray(args) ? (args as readonly unknown[]) : [];
  const [called, check] = fits[`${op} ${String(name)}`] ?? [];
  const given: unknown = (rest.at(-1) as readonly unknown[] | undefined)?.[0];
  if (check === undefined || !isNode(given) || given.op !== "value" || typeof given.args !== "string") return [];
  return check(given.args) ? [] : [{ text: `invalid ${called} argument`, at: given.start }];
}

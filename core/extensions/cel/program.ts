/**
 * An expression, parsed and checked once, run many times. Running is bounded: each step costs one unit and each text that
 * passes through one unit per ten characters (KEP-2876 counts the same way); what costs more than the limit is stopped.
 */
import type { Environment } from "@marcbachmann/cel-js";
import { type CelType, type Node, nodesOf } from "./ast.ts";
import { compileError, CostError, mistaken, mistakeOf, type Origin, runtimeError, undeclaredOf } from "./errors.ts";
import { replaceHas } from "./has.ts";
import { literalMistake } from "./literals.ts";
import { syntaxErrors } from "./syntax-errors.ts";
import type { Mistake } from "./tokens.ts";

/**
 * The cost of one run, at most a third of a second. Kubernetes has a higher limit (PerCallLimit) and more threads: here
 * nobody else is served meanwhile, so what all rules of an object cost together (×5, as there ×10) must be bearable, too.
 */
export const RUN_COST_MAX = 300_000;
/** All rules for one object, or all expressions of one policy for one request. */
export const TOTAL_COST_MAX = 5 * RUN_COST_MAX;
/** Longest expression that is read. Kubernetes bounds them only by the size of objects. */
const EXPRESSION_MAX = 128 * 1024;

export interface Program {
  readonly expression: string;
  /** "bool", "string", "list<dyn>"; "dyn" when it is known only at run time */
  readonly type: string;
  readonly ast: Node;
  /**
   * A Promise where the expression asks the authorizer. @throws RuntimeError, CostError when `limit` is spent;
   * `spent` is told what the run cost.
   */
  run(variables: { readonly [name: string]: unknown }, limit?: number, spent?: (cost: number) => void): unknown;
}

/** What cel-js does itself, and this server differently: Go's regular expressions. */
const renamed: ReadonlySet<string> = new Set(["matches"]);

/** @throws CompileError */
export function compile(environment: Environment, expression: string, origin?: Origin): Program {
  if (expression.length > EXPRESSION_MAX) throw compileError(new Error(`expression is longer than ${EXPRESSION_MAX} characters`), expression, origin);
  const parsed = prepared(environment, expression, origin);
  // the tree that check and run use
  const ast = parsed.ast as unknown as Node;
  const checked = parsed.check();
  if (!checked.valid) throw mistaken(typeMistakes(environment, expression, checked.error), expression, origin);
  const impossible = [...nodesOf(ast)].flatMap(literalMistake);
  if (impossible.length > 0) throw mistaken(impossible, expression, origin);
  const meter = new Meter();
  for (const node of nodesOf(ast)) count(node, meter);
  return {
    expression,
    type: checked.type ?? "dyn",
    ast,
    run(variables, limit = RUN_COST_MAX, spent) {
      const allowed = Math.min(limit, RUN_COST_MAX);
      meter.begin(allowed);
      const settle = () => spent?.(meter.spentOf(allowed));
      try {
        const result: unknown = parsed(variables as Record<string, unknown>);
        if (!(result instanceof Promise)) return finished(result, meter, settle);
        return result.then(
          (value: unknown) => finished(value, meter, settle),
          (error: unknown) => {
            settle();
            throw meter.exhausted() ? new CostError() : runtimeError(error);
          },
        );
      } catch (error) {
        settle();
        throw meter.exhausted() ? new CostError() : runtimeError(error);
      }
    },
  };
}

/** A run that was stopped may have come to a result in spite of it: `||` takes an error on one side. */
function finished(result: unknown, meter: Meter, settle: () => void): unknown {
  settle();
  if (meter.exhausted()) throw new CostError();
  return result;
}

function prepared(environment: Environment, expression: string, origin?: Origin) {
  const parsed = parse(environment, expression, origin);
  for (const node of nodesOf(parsed.ast as unknown as Node)) {
    rename(node);
    replaceHas(node);
  }
  return parsed;
}

function parse(environment: Environment, expression: string, origin: Origin | undefined) {
  try {
    return environment.parse(expression);
  } catch (error) {
    const written = origin?.expression ?? expression;
    const mistakes = syntaxErrors(written);
    throw mistakes.length > 0 ? mistaken(mistakes, written) : compileError(error, expression, origin);
  }
}

/** Names that are told of before it is enough; cel-go tells of as many errors. */
const UNDECLARED_MAX = 100;

/** cel-js stops at the first mistake; cel-go takes a name that nobody declared for anything and goes on. */
function typeMistakes(environment: Environment, expression: string, first: unknown): readonly Mistake[] {
  const names = new Set<string>();
  const lenient = environment.clone();
  let error = first;
  for (let name = undeclaredOf(error); name !== undefined && names.size < UNDECLARED_MAX; name = undeclaredOf(error)) {
    if (names.has(name)) break;
    names.add(name);
    lenient.registerVariable(name, "dyn");
    const again = prepared(lenient, expression).check();
    error = again.valid ? undefined : again.error;
  }
  const undeclared = [...nodesOf(prepared(environment, expression).ast as unknown as Node)].flatMap(({ op, args, start }) =>
    op === "id" && names.has(String(args)) ? [{ text: `undeclared reference to '${String(args)}' (in container '')`, at: start }] : [],
  );
  // macros are none, and what cel-js calls a method of a namespace has a name with a dot in cel-go
  const functions = new Set(
    environment.getDefinitions().functions.flatMap(({ name, params, receiverType }) => (params.some(({ type }) => type === "ast") || /(?:Namespace|Functions)$/.test(receiverType ?? "") ? [] : [name])),
  );
  return error === undefined || undeclaredOf(error) !== undefined ? undeclared : [...undeclared, mistakeOf(error, expression, (name) => functions.has(name))];
}

function rename(node: Node): void {
  if (node.op !== "rcall" || !Array.isArray(node.args)) return;
  const args = node.args as unknown[];
  if (typeof args[0] === "string" && renamed.has(args[0])) args[0] = `k8s_${args[0]}`;
}

/** Runs of one program that wait for the authorizer share a meter: they are stopped too early rather than too late. */
class Meter {
  #left = 0;
  begin(limit: number): void {
    this.#left = limit;
  }
  spend(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) throw new CostError();
  }
  exhausted(): boolean {
    return this.#left < 0;
  }
  spentOf(limit: number): number {
    return limit - Math.max(this.#left, 0);
  }
}

function count(node: Node, meter: Meter): void {
  const { evaluate } = node.meta;
  node.setMeta("evaluate", (evaluator, each, context) => {
    meter.spend(1);
    const result = evaluate(evaluator, each, context);
    if (typeof result === "string" && result.length > 10) meter.spend(result.length / 10);
    else if (Array.isArray(result) && node.op === "rcall") meter.spend(result.length);
    return result;
  });
}

export function typeOf(program: Program): CelType | undefined {
  return program.ast.checkedType;
}

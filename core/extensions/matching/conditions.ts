/** matchConditions (KEP-3716): all must hold; one that is false decides even when another fails. */
import type { MatchCondition } from "../../api/types.gen.ts";
import { CompileError, type Origin, RuntimeError } from "../cel/errors.ts";
import { compile, type Program } from "../cel/program.ts";
import type { Environment } from "../cel/environment.ts";

export interface Condition {
  readonly expression: string;
  readonly program: Program | CompileError;
}

export type Verdict = { readonly holds: boolean } | { readonly failure: string };

export function attempt(environment: Environment, expression: string, origin?: Origin): Program | CompileError {
  try {
    return compile(environment, expression, origin);
  } catch (error) {
    if (error instanceof CompileError) return error;
    throw error;
  }
}

export function compileConditions(environment: Environment, conditions: readonly MatchCondition[] = []): readonly Condition[] {
  return conditions.map(({ expression }) => ({ expression, program: attempt(environment, expression.trim()) }));
}

export async function judgeConditions(conditions: readonly Condition[], variables: { readonly [name: string]: unknown }): Promise<Verdict> {
  const failures = new Set<string>();
  for (const { expression, program } of conditions) {
    try {
      if (program instanceof CompileError) throw new RuntimeError(`compilation failed: ${program.message}`);
      if ((await program.run(variables)) !== true) return { holds: false };
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      failures.add(`expression '${expression.trim()}' resulted in error: ${error.message}`);
    }
  }
  const [first, ...more] = failures;
  if (first === undefined) return { holds: true };
  return { failure: more.length === 0 ? first : `[${[first, ...more].join(", ")}]` };
}

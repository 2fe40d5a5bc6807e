/** matchConditions (KEP-3716): all must hold; one that is false decides even when another fails. */
import type { MatchCondition } from "../../api/types.gen.ts";
import { CompileError, RuntimeError } from "../cel/errors.ts";
import { compile, type Program } from "../cel/program.ts";
import type { Environment } from "../cel/environment.ts";

export interface Condition {
  readonly name: string;
  readonly program: Program | CompileError;
}

export type Verdict = { readonly holds: boolean } | { readonly failure: string };

export function attempt(environment: Environment, expression: string): Program | CompileError {
  try {
    return compile(environment, expression);
  } catch (error) {
    if (error instanceof CompileError) return error;
    throw error;
  }
}

export function compileConditions(environment: Environment, conditions: readonly MatchCondition[] = []): readonly Condition[] {
  return conditions.map(({ name, expression }) => ({ name, program: attempt(environment, expression) }));
}

export async function judgeConditions(conditions: readonly Condition[], variables: { readonly [name: string]: unknown }): Promise<Verdict> {
  let failure: string | undefined;
  for (const { name, program } of conditions) {
    try {
      if (program instanceof CompileError) throw new RuntimeError(`compilation failed: ${program.message}`);
      if ((await program.run(variables)) !== true) return { holds: false };
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      failure ??= `${name}: ${error.message}`;
    }
  }
  return failure === undefined ? { holds: true } : { failure };
}

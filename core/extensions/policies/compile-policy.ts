/** A policy with its expressions compiled: what validating and mutating policies have in common, and what each adds. */
import type { AuditAnnotation, MatchCondition, MatchResources, Mutation, ParamKind, Validation, Variable } from "../../api/types.gen.ts";
import type { Environment } from "../cel/environment.ts";
import { celGo, CompileError, RuntimeError } from "../cel/errors.ts";
import { jsonPatches } from "../cel/library/json-patches.ts";
import type { Program } from "../cel/program.ts";
import { attempt, compileConditions, type Condition } from "../matching/conditions.ts";
import { compileMatcher, type Criteria, type Matcher, type MatchParts } from "../matching/rules.ts";
import { requestEnvironment } from "../matching/request-environment.ts";
import { mapLiterals, namedMessages } from "./messages.ts";

export interface Compiled {
  readonly matcher: Matcher;
  readonly conditions: readonly Condition[];
  readonly variables: readonly CompiledVariable[];
  /** the value of `variables`: computes each when somebody asks for it */
  readonly scope: VariableScope;
  readonly validations: readonly CompiledValidation[];
  readonly audits: readonly { readonly valueExpression: string; readonly program: Program | CompileError }[];
  readonly mutations: readonly CompiledMutation[];
}

export interface CompiledVariable {
  readonly name: string;
  readonly program: Program | CompileError;
}

export interface CompiledValidation {
  readonly validation: Validation;
  readonly program: Program | CompileError;
  readonly message: Program | CompileError | undefined;
}

export interface CompiledMutation {
  readonly type: "ApplyConfiguration" | "JSONPatch";
  readonly expression: string;
  readonly program: Program | CompileError;
  /** of the result, in the words of cel-go: "Object", "list(JSONPatch)"; undefined: not known */
  readonly resultType: () => string | undefined;
}

export interface PolicySpec {
  readonly paramKind?: ParamKind | undefined;
  readonly matchConstraints?: MatchResources | undefined;
  readonly matchConditions?: readonly MatchCondition[] | undefined;
  readonly variables?: readonly Variable[] | undefined;
  readonly validations?: readonly Validation[] | undefined;
  readonly auditAnnotations?: readonly AuditAnnotation[] | undefined;
  readonly mutations?: readonly Mutation[] | undefined;
}

export type VariableScope = (run: (program: Program) => unknown) => object;

export function criteriaOf(resources: MatchResources | undefined, binding = false): Criteria {
  return {
    rules: resources?.resourceRules ?? [],
    excluded: resources?.excludeResourceRules ?? [],
    matchPolicy: resources?.matchPolicy,
    namespaceSelector: resources?.namespaceSelector,
    objectSelector: resources?.objectSelector,
    allWithoutRules: binding,
  };
}

export function compilePolicy(spec: PolicySpec, parts: MatchParts): Compiled {
  return { matcher: compileMatcher(criteriaOf(spec.matchConstraints), parts), ...compileExpressions(spec) };
}

export function compileExpressions(spec: PolicySpec, base = requestEnvironment()): Omit<Compiled, "matcher"> {
  if (spec.paramKind !== undefined) base.registerVariable("params", "dyn");
  const conditions = compileConditions(base.clone(), spec.matchConditions);
  const { environment: scoped, variables, scope } = declareVariables(base, spec.variables ?? []);
  // a validating policy without variables does not even know the word
  const environment = variables.length > 0 || spec.mutations !== undefined ? scoped : base;
  const validations = (spec.validations ?? []).map((validation): CompiledValidation => {
    const { messageExpression = "" } = validation;
    return {
      validation,
      program: attempt(environment, validation.expression),
      message: messageExpression === "" ? undefined : attempt(environment, messageExpression),
    };
  });
  const audits = (spec.auditAnnotations ?? []).map(({ valueExpression }) => ({ valueExpression, program: attempt(environment, valueExpression.trim()) }));
  // configurations hold values of many types side by side
  const mixed = environment.clone({ homogeneousAggregateLiterals: false });
  jsonPatches(mixed);
  const mutations = (spec.mutations ?? []).map((mutation): CompiledMutation => {
    const expression = (mutation.patchType === "JSONPatch" ? mutation.jsonPatch?.expression : mutation.applyConfiguration?.expression)?.trim() ?? "";
    const rewritten = mapLiterals(expression);
    return { type: mutation.patchType, expression, program: attempt(mixed, rewritten.expression, rewritten.origin), resultType: () => resultType(environment, expression) };
  });
  return { conditions, variables, scope, validations, audits, mutations };
}

function resultType(environment: Environment, expression: string): string | undefined {
  const named = namedMessages(expression);
  const typed = environment.clone({ homogeneousAggregateLiterals: false });
  jsonPatches(typed);
  for (const [name, type] of named.types) {
    typed.registerType(type, { ctor: class { readonly type = type; }, fields: {} });
    typed.registerVariable(name, type);
  }
  const program = attempt(typed, named.expression);
  return program instanceof CompileError ? undefined : celGo(program.type);
}

/** Each variable sees those before it; the type of one is that of its expression. */
function declareVariables(base: Environment, given: readonly Variable[]): { readonly environment: Environment; readonly variables: readonly CompiledVariable[]; readonly scope: VariableScope } {
  const variables: CompiledVariable[] = [];
  // one class in all environments: the value that a variable is computed with is the one that the others see
  const Scope = class {
    readonly [name: string]: unknown;
  };
  for (const { name, expression } of given) variables.push({ name, program: attempt(withScope(base, Scope, variables), expression) });
  return { environment: withScope(base, Scope, variables), variables, scope: (run) => lazily(new Scope(), variables, run) };
}

function withScope(base: Environment, Scope: new () => object, variables: readonly CompiledVariable[]): Environment {
  const fields = Object.fromEntries(variables.map(({ name, program }) => [name, program instanceof CompileError ? "dyn" : program.type]));
  const environment = base.clone();
  environment.registerType("kubernetes.variables", { ctor: Scope, fields });
  environment.registerVariable("variables", "kubernetes.variables");
  return environment;
}

function lazily(scope: object, variables: readonly CompiledVariable[], run: (program: Program) => unknown): object {
  for (const { name, program } of variables) {
    let value: { readonly of: unknown } | undefined;
    Object.defineProperty(scope, name, {
      enumerable: true,
      get() {
        if (program instanceof CompileError) throw new RuntimeError(`composited variable "${name}" fails to compile: ${program.message}`);
        value ??= { of: run(program) };
        return value.of;
      },
    });
  }
  return scope;
}

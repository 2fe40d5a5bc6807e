/**
 * x-kubernetes-validations: rules in CEL at any place of a schema (KEP-2876). Compiled once per definition; what does not
 * compile is reported when the definition is written and judges no object.
 */
import { Optional } from "@marcbachmann/cel-js";
import { isObject, sameJson } from "../../api/json.ts";
import type { FieldError } from "../../api/status.ts";
import type { ValidationRule } from "../../api/types.gen.ts";
import { type Node, nodesOf } from "../cel/ast.ts";
import { celEnvironment } from "../cel/environment.ts";
import { CompileError, CostError, RuntimeError } from "../cel/errors.ts";
import { compile, type Program, TOTAL_COST_MAX } from "../cel/program.ts";
import { itemsOf, propertiesOf, rulesOf, type Schema, valuesOf } from "../schema/json-schema.ts";
import { shownValue } from "../schema/findings.ts";
import { counterpart } from "../schema/validate-value.ts";
import { type CelTypeOf, declareType } from "./cel-types.ts";

/** What all rules may cost for one object. */
export const OBJECT_COST_MAX = TOTAL_COST_MAX;

export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program: Program | CompileError;
  readonly message: Program | CompileError | undefined;
  /** asks for oldSelf: judges changes only, unless optionalOldSelf is set */
  readonly transition: boolean;
}

export interface RuleScope {
  readonly type: CelTypeOf;
  readonly rules: readonly CompiledRule[];
}

/** The rules of one schema node; undefined when it has none. */
export function compileRules(schema: Schema, resource: boolean): RuleScope | undefined {
  const rules = rulesOf(schema);
  if (rules.length === 0) return undefined;
  const always = celEnvironment();
  const type = declareType(always, schema, resource);
  always.registerVariable("self", type.name);
  const optional = always.clone();
  const plain = always.clone();
  plain.registerVariable("oldSelf", type.name);
  optional.registerVariable("oldSelf", `optional<${type.name}>`);
  const compiled = rules.map((rule): CompiledRule => {
    const environment = rule.optionalOldSelf === true ? optional : plain;
    const attempt = (expression: string) => {
      try {
        return compile(environment, expression);
      } catch (error) {
        if (error instanceof CompileError) return error;
        throw error;
      }
    };
    const program = attempt(rule.rule);
    return {
      rule,
      program,
      message: (rule.messageExpression ?? "") === "" ? undefined : attempt(rule.messageExpression ?? ""),
      transition: !(program instanceof CompileError) && usesOld(program.ast),
    };
  });
  return { type, rules: compiled };
}

const usesOld = (ast: Node) => [...nodesOf(ast)].some(({ op, args }) => op === "id" && args === "oldSelf");

export type RuleCheck = (value: unknown, old: unknown, path: string, run: RuleRun) => void;

export interface RuleRun {
  readonly errors: FieldError[];
  left: number;
}

const nothing: RuleCheck = () => {};

/** `nothing` where no rule stands in the schema or below. */
export function compileRuleCheck(schema: Schema, resource = true): RuleCheck {
  const scope = compileRules(schema, resource);
  const own = scope === undefined ? nothing : checkOf(schema, scope);
  const properties = propertiesOf(schema)
    .map(([name, of]) => [name, compileRuleCheck(of, false)] as const)
    .filter(([, check]) => check !== nothing);
  const values = valuesOf(schema);
  const others = values === undefined || values === true ? nothing : compileRuleCheck(values, false);
  const items = itemsOf(schema);
  const each = items === undefined ? nothing : compileRuleCheck(items, false);
  if (own === nothing && properties.length === 0 && others === nothing && each === nothing) return nothing;
  const keys = schema["x-kubernetes-list-type"] === "map" ? schema["x-kubernetes-list-map-keys"] : undefined;
  return (value, old, path, run) => {
    if (value === null || value === undefined) return;
    own(value, old, path, run);
    if (Array.isArray(value)) {
      const before = Array.isArray(old) ? old : undefined;
      if (each !== nothing) value.forEach((item, index) => each(item, counterpart(item, before, keys), `${path}[${index}]`, run));
    } else if (isObject(value)) {
      const before = isObject(old) ? old : {};
      const at = (name: string) => (Object.hasOwn(before, name) ? before[name] : undefined);
      for (const [name, check] of properties) if (Object.hasOwn(value, name)) check(value[name], at(name), path === "" ? name : `${path}.${name}`, run);
      if (others !== nothing) for (const [name, item] of Object.entries(value)) others(item, at(name), `${path}[${name}]`, run);
    }
  };
}

function checkOf(schema: Schema, { type, rules }: RuleScope): RuleCheck {
  return (value, old, path, run) => {
    // judged before, by the same rules: a change elsewhere in the object is no reason to judge it again
    const same = old !== undefined && old !== null && sameJson(value, old);
    let variables: { [name: string]: unknown } | undefined;
    for (const each of rules) {
      if (run.left <= 0) return;
      if (each.program instanceof CompileError || (same && !each.transition)) continue;
      const { optionalOldSelf = false } = each.rule;
      if (each.transition && (old === undefined || old === null) && !optionalOldSelf) continue;
      variables ??= { self: type.convert(value) };
      const before = old === undefined || old === null ? undefined : type.convert(old);
      const oldSelf = optionalOldSelf ? (before === undefined ? Optional.none() : Optional.of(before)) : before;
      judge(schema, each, each.program, { ...variables, oldSelf }, { value, path, run });
    }
  };
}

interface Judged {
  readonly value: unknown;
  readonly path: string;
  readonly run: RuleRun;
}

function judge(schema: Schema, each: CompiledRule, program: Program, variables: { readonly [name: string]: unknown }, { value, path, run }: Judged): void {
  const { rule } = each;
  const spent = (cost: number) => void (run.left -= cost);
  const field = path === "" ? "<nil>" : path;
  try {
    if (program.run(variables, run.left, spent) === true) return;
    run.errors.push(failure(rule, path, value, messageOf(each, variables, spent, run)));
  } catch (error) {
    if (error instanceof CostError) {
      run.left = 0;
      const why = `call cost exceeds limit for rule: ${rule.rule}`;
      run.errors.push({ type: "FieldValueInvalid", field, message: `Invalid value: ${JSON.stringify(schema.type ?? "")}: no further validation rules will be run due to ${why}` });
    } else if (error instanceof RuntimeError) {
      run.errors.push({ type: "FieldValueInvalid", field, message: `Invalid value: ${JSON.stringify(schema.type ?? "")}: ${error.message} evaluating rule: ${described(rule)}` });
    } else throw error;
  }
}

const described = ({ message = "", rule }: ValidationRule) => (message === "" ? rule.trim() : message);

function messageOf({ rule, message }: CompiledRule, variables: { readonly [name: string]: unknown }, spent: (cost: number) => void, run: RuleRun): string {
  const fixed = (rule.message ?? "") === "" ? `failed rule: ${rule.rule.trim()}` : (rule.message ?? "");
  if (message === undefined || message instanceof CompileError) return fixed;
  try {
    const made = message.run(variables, run.left, spent);
    // one line, and something to read: else the fixed text is better
    return typeof made === "string" && made.trim() !== "" && !made.includes("\n") && made.length <= MESSAGE_MAX ? made.trim() : fixed;
  } catch (error) {
    if (error instanceof RuntimeError) return fixed;
    throw error;
  }
}

/** Longest text of a messageExpression (5 KiB, as in Kubernetes). */
const MESSAGE_MAX = 5 * 1024;

function failure({ reason, fieldPath = "" }: ValidationRule, path: string, value: unknown, why: string): FieldError {
  const place = (path + relative(fieldPath)).replace(/^\./, "");
  const field = place === "" ? "<nil>" : place;
  switch (reason) {
    case "FieldValueForbidden":
      return { type: reason, field, message: `Forbidden: ${why}` };
    case "FieldValueRequired":
      return { type: reason, field, message: `Required value: ${why}` };
    case "FieldValueDuplicate":
      return { type: reason, field, message: `Duplicate value: ${shownValue(value)}: ${why}` };
    default: {
      const shown = typeof value === "object" ? "" : `${shownValue(value)}: `;
      return { type: "FieldValueInvalid", field, message: `Invalid value: ${shown}${why}` };
    }
  }
}

/** ".a['b'].c" as a field path: ".a[b].c" */
const relative = (fieldPath: string) => fieldPath.replace(/\['((?:[^'\\]|\\.)*)'\]/g, (_, key: string) => `[${key.replace(/\\(.)/g, "$1")}]`);

/** Expressions of policies and webhooks are compiled when they are written: who writes one that cannot work hears of it. */
import type { KindHooks } from "../../api/kinds.ts";
import { invalid, type Errors } from "../../api/kinds/validate/errors.ts";
import type { AnyObject } from "../../api/meta.ts";
import type { FieldError } from "../../api/status.ts";
import type { MatchCondition, MutatingWebhook, ValidatingAdmissionPolicy } from "../../api/types.gen.ts";
import { celGo, CompileError } from "../cel/errors.ts";
import type { Program } from "../cel/program.ts";
import { compileConditions } from "../matching/conditions.ts";
import { requestEnvironment } from "../matching/request-environment.ts";
import { compileExpressions, type PolicySpec } from "./compile-policy.ts";
import { checkClaim, checkClaimTemplate, checkClass } from "./device-selectors.ts";
import { amongOthers } from "./error-order.ts";

type Check = (errors: Errors, object: AnyObject) => void;

/** The hooks of a kind with one check more. */
function checkedAlso(hooks: KindHooks, check: Check): KindHooks {
  const after = (found: readonly FieldError[], object: AnyObject): readonly FieldError[] => {
    const errors: Errors = [];
    check(errors, object);
    return errors.length === 0 ? found : amongOthers(found, errors);
  };
  return {
    ...hooks,
    validate: (object) => after(hooks.validate?.(object) ?? [], object),
    validateUpdate: (object, old) => after(hooks.validateUpdate?.(object, old) ?? hooks.validate?.(object) ?? [], object),
  };
}

export const policyHooks = (hooks: KindHooks): KindHooks => checkedAlso(hooks, checkPolicy);
export const webhookHooks = (hooks: KindHooks): KindHooks => checkedAlso(hooks, checkWebhooks);
export const deviceClassHooks = (hooks: KindHooks): KindHooks => checkedAlso(hooks, checkClass);
/** the spec of a claim cannot change, so an update has nothing to compile */
export const claimHooks = (hooks: KindHooks): KindHooks => ({ ...checkedAlso(hooks, checkClaim), ...(hooks.validateUpdate === undefined ? {} : { validateUpdate: hooks.validateUpdate }) });
export const claimTemplateHooks = (hooks: KindHooks): KindHooks => checkedAlso(hooks, checkClaimTemplate);

function checkPolicy(errors: Errors, object: AnyObject): void {
  const spec = ((object as unknown as ValidatingAdmissionPolicy).spec ?? {}) as PolicySpec & ValidatingAdmissionPolicy["spec"] & object;
  const { conditions, variables, validations, audits, mutations } = compileExpressions(spec);
  for (const [index, { program }] of conditions.entries()) compiled(errors, `spec.matchConditions[${index}].expression`, program, spec.matchConditions?.[index]?.expression.trim(), ["bool"]);
  for (const [index, { program }] of variables.entries()) compiled(errors, `spec.variables[${index}].expression`, program, spec.variables?.[index]?.expression);
  for (const [index, { validation, program, message }] of validations.entries()) {
    compiled(errors, `spec.validations[${index}].expression`, program, validation.expression, ["bool"]);
    if (message !== undefined) compiled(errors, `spec.validations[${index}].messageExpression`, message, validation.messageExpression, ["string"]);
  }
  for (const [index, { valueExpression, program }] of audits.entries()) compiled(errors, `spec.auditAnnotations[${index}].valueExpression`, program, valueExpression.trim(), ["string", "null_type"]);
  for (const [index, { program, expression, type, resultType }] of mutations.entries()) {
    const field = `spec.mutations[${index}].${type === "JSONPatch" ? "jsonPatch" : "applyConfiguration"}.expression`;
    compiled(errors, field, program, expression);
    if (program instanceof CompileError) continue;
    const made = resultType();
    const wanted = type === "JSONPatch" ? "list(JSONPatch)" : "Object";
    if (made !== undefined && made !== wanted) invalid(errors, field, expression, `must evaluate to ${wanted} but got ${made}`);
  }
}

function checkWebhooks(errors: Errors, object: AnyObject): void {
  const { webhooks = [] } = object as AnyObject & { readonly webhooks?: readonly MutatingWebhook[] };
  for (const [index, { matchConditions = [] }] of webhooks.entries()) {
    if (matchConditions.length > 0) checkConditions(errors, matchConditions, `webhooks[${index}].matchConditions`);
  }
}

function checkConditions(errors: Errors, conditions: readonly MatchCondition[], path: string): void {
  for (const [index, { program }] of compileConditions(requestEnvironment(), conditions).entries()) {
    compiled(errors, `${path}[${index}].expression`, program, conditions[index]?.expression.trim(), ["bool"]);
  }
}

function compiled(errors: Errors, field: string, program: Program | CompileError, expression = "", types?: readonly string[]): void {
  // that there is none has been said
  if (expression.trim() === "") return;
  if (program instanceof CompileError) invalid(errors, field, expression, `compilation failed: ${program.message}`);
  else if (types !== undefined && !types.includes(celGo(program.type))) {
    invalid(errors, field, expression, `must evaluate to ${types.length === 1 ? types[0] : `one of [${types.join(" ")}]`} but got ${celGo(program.type)}`);
  }
}


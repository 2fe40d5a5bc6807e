/**
 * ValidatingAdmissionPolicy (KEP-3488): for each policy that matches a request, each binding that does, each parameter:
 * all validations. What fails is denied, warned about or only audited, as the binding says; this server keeps no audit log.
 */
import type { AdmissionPlugin, AdmissionRequest } from "../../admission/admission.ts";
import type { Kind } from "../../api/kinds.ts";
import { ApiError, type StatusReason } from "../../api/status.ts";
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from "../../api/types.gen.ts";
import type { Ask } from "../cel/library/authorizer.ts";
import { CompileError, RuntimeError } from "../cel/errors.ts";
import { type Program, TOTAL_COST_MAX } from "../cel/program.ts";
import { toCel } from "../cel/values.ts";
import { judgeConditions } from "../matching/conditions.ts";
import { requestVariables } from "../matching/request-environment.ts";
import { compileMatcher, type MatchParts } from "../matching/rules.ts";
import { compiledOnce, type Source } from "./cache.ts";
import { type CompiledValidation, compilePolicy, criteriaOf } from "./compile-policy.ts";
import { paramsOf } from "./params.ts";

export type ValidatingSource = Source<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding>;

export interface ValidatingParts extends MatchParts {
  readonly source: () => ValidatingSource | undefined;
  readonly ask: Ask;
}

/** What all expressions of one policy may cost for one request. */
export const POLICY_COST_MAX = TOTAL_COST_MAX;

interface Denial {
  readonly message: string;
  readonly reason: string;
}

type Variables = { readonly [name: string]: unknown };

export function validatingPolicies({ source, ask, kinds, lookup }: ValidatingParts): AdmissionPlugin {
  const compiled = compiledOnce((policy: ValidatingAdmissionPolicy) => compilePolicy(policy.spec ?? {}, { kinds, lookup }));
  const matcherOf = compiledOnce((binding: ValidatingAdmissionPolicyBinding) => compileMatcher(criteriaOf(binding.spec?.matchResources, true), { kinds, lookup }));

  async function validate(request: AdmissionRequest): Promise<void> {
    for (const policy of source()?.policies() ?? []) {
      const { matcher, conditions } = compiled(policy);
      const shown = matcher(request);
      if (shown === undefined) continue;
      const bindings = (source()?.bindings(policy.metadata.name ?? "") ?? []).filter((binding) => matcherOf(binding)(request) !== undefined);
      if (bindings.length === 0) continue;
      const variables = { ...(await requestVariables(request, shown, { lookup, ask })) };
      for (const binding of bindings) await judgeBinding({ policy, binding, request, shown, variables, conditions });
    }
  }

  interface Bound {
    readonly policy: ValidatingAdmissionPolicy;
    readonly binding: ValidatingAdmissionPolicyBinding;
    readonly request: AdmissionRequest;
    readonly shown: Kind;
    readonly variables: Variables;
    readonly conditions: ReturnType<typeof compilePolicy>["conditions"];
  }

  async function judgeBinding({ policy, binding, request, variables, conditions }: Bound): Promise<void> {
    const { validations, scope } = compiled(policy);
    const fails = (policy.spec?.failurePolicy ?? "Fail") === "Fail";
    const params = await paramsOf(policy.spec?.paramKind, binding.spec?.paramRef, request, { kinds, lookup });
    if ("skip" in params) return;
    if ("failure" in params) {
      if (fails) deny(policy, binding, request, { message: `failed to configure binding: ${params.failure}`, reason: "Invalid" });
      return;
    }
    for (const object of params.objects) {
      const withParams = policy.spec?.paramKind === undefined ? variables : { ...variables, params: object === undefined ? null : toCel(object) };
      const verdict = await judgeConditions(conditions, withParams);
      if ("failure" in verdict) {
        if (fails) deny(policy, binding, request, { message: verdict.failure, reason: "Invalid" });
        continue;
      }
      if (!verdict.holds) continue;
      const budget = { left: POLICY_COST_MAX };
      const all: Variables = { ...withParams, variables: scope((program) => run(program, all, budget)) };
      for (const validation of validations) {
        const denial = await judge(validation, all, budget, fails);
        if (denial !== undefined) act(policy, binding, request, denial);
      }
    }
  }

  return { name: "ValidatingAdmissionPolicy", handles: () => (source()?.policies().length ?? 0) > 0, validate };
}

export function run(program: Program, variables: Variables, budget: { left: number }): unknown {
  return program.run(variables, Math.max(budget.left, 0), (cost) => void (budget.left -= cost));
}

/** undefined: the validation holds, or its failure is to be ignored */
async function judge({ validation, program, message }: CompiledValidation, variables: Variables, budget: { left: number }, fails: boolean): Promise<Denial | undefined> {
  const { expression, reason = "Invalid" } = validation;
  try {
    if (program instanceof CompileError) throw new RuntimeError(`compilation failed: ${program.message}`);
    if ((await run(program, variables, budget)) === true) return undefined;
    const text = await evaluated(message, variables, budget);
    return { reason, message: text ?? validation.message?.trim() ?? `failed expression: ${expression.trim()}` };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return fails ? { reason: "Invalid", message: `expression '${expression.trim()}' resulted in error: ${error.message}` } : undefined;
  }
}

/** Longest text of a messageExpression. */
const MESSAGE_MAX = 5 * 1024;

async function evaluated(message: Program | CompileError | undefined, variables: Variables, budget: { left: number }): Promise<string | undefined> {
  if (message === undefined || message instanceof CompileError) return undefined;
  try {
    const text = await run(message, variables, budget);
    if (typeof text !== "string" || text.trim() === "" || text.includes("\n") || text.length > MESSAGE_MAX) return undefined;
    return text.trim();
  } catch (error) {
    if (error instanceof RuntimeError) return undefined;
    throw error;
  }
}

type Policy = ValidatingAdmissionPolicy;
type Binding = ValidatingAdmissionPolicyBinding;

function act(policy: Policy, binding: Binding, request: AdmissionRequest, denial: Denial): void {
  const actions = binding.spec?.validationActions ?? ["Deny"];
  if (actions.includes("Warn")) {
    request.warn(`Validation failed for ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}': ${denial.message}`);
  }
  if (actions.includes("Deny")) deny(policy, binding, request, denial);
}

const reasons: ReadonlySet<string> = new Set<StatusReason>(["Unauthorized", "Forbidden", "Invalid", "RequestEntityTooLarge"]);
const isReason = (text: string): text is StatusReason => reasons.has(text);

/** Forbidden in its words, with the reason and the code of the validation. */
function deny(policy: Policy, binding: Binding, { kind, name }: AdmissionRequest, { message, reason }: Denial): never {
  const why = `ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}' denied request: ${message}`;
  const resource = kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
  throw new ApiError(isReason(reason) ? reason : "Invalid", `${name === "" ? resource : `${resource} ${JSON.stringify(name)}`} is forbidden: ${why}`, {
    details: { ...(name === "" ? {} : { name }), ...(kind.group === "" ? {} : { group: kind.group }), kind: kind.plural, causes: [{ message: why }] },
  });
}

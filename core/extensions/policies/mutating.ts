/**
 * MutatingAdmissionPolicy (KEP-3962): expressions make a configuration that is applied to the object, or a JSON patch. How
 * either changes an object is the registry's business, so it is handed in.
 */
import type { AdmissionPlugin, AdmissionRequest } from "../../admission/admission.ts";
import { isObject, sameJson } from "../../api/json.ts";
import type { Kind } from "../../api/kinds.ts";
import type { AnyObject } from "../../api/meta.ts";
import { ApiError } from "../../api/status.ts";
import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from "../../api/types.gen.ts";
import type { Ask } from "../cel/library/authorizer.ts";
import { CompileError, RuntimeError } from "../cel/errors.ts";
import { fromCel, toCel } from "../cel/values.ts";
import { judgeConditions } from "../matching/conditions.ts";
import { requestVariables } from "../matching/request-environment.ts";
import { compileMatcher, convert, type MatchParts } from "../matching/rules.ts";
import { compiledOnce, type Source } from "./cache.ts";
import { type CompiledMutation, compilePolicy, criteriaOf } from "./compile-policy.ts";
import { paramsOf } from "./params.ts";
import { POLICY_COST_MAX, run } from "./validating.ts";

export type MutatingSource = Source<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding>;

export interface Changes {
  /** merges an apply configuration by the schema of the kind */
  readonly apply: (kind: Kind, object: AnyObject, configuration: AnyObject) => AnyObject;
  /** what keeps a configuration from having the type of the kind */
  readonly typeErrors: (kind: Kind, configuration: AnyObject) => string | undefined;
  /** @throws ApiError when an operation does not fit */
  readonly patch: (object: AnyObject, operations: readonly unknown[]) => unknown;
  /** defaults, pruning: what a request body goes through */
  readonly finish: (kind: Kind, object: unknown) => AnyObject;
}

export interface MutatingParts extends MatchParts {
  readonly source: () => MutatingSource | undefined;
  readonly ask: Ask;
  readonly changes: Changes;
}

type Policy = MutatingAdmissionPolicy;
type Binding = MutatingAdmissionPolicyBinding;
type Mutable = AdmissionRequest & { readonly object: AnyObject };

export function mutatingPolicies({ source, ask, kinds, lookup, changes }: MutatingParts): AdmissionPlugin {
  const compiled = compiledOnce((policy: Policy) => compilePolicy(policy.spec ?? {}, { kinds, lookup }));
  const matcherOf = compiledOnce((binding: Binding) => compileMatcher(criteriaOf(binding.spec?.matchResources, true), { kinds, lookup }));

  async function pass(request: Mutable, only: (policy: Policy) => boolean): Promise<AnyObject> {
    let object = request.object;
    for (const policy of source()?.policies() ?? []) {
      if (only(policy)) object = await applyPolicy(policy, { ...request, object });
    }
    return object;
  }

  async function applyPolicy(policy: Policy, request: Mutable): Promise<AnyObject> {
    const shown = compiled(policy).matcher(request);
    if (shown === undefined) return request.object;
    let object = request.object;
    for (const binding of source()?.bindings(policy.metadata.name ?? "") ?? []) {
      if (matcherOf(binding)({ ...request, object }) !== undefined) object = await applyBinding(policy, binding, { ...request, object }, shown);
    }
    return object;
  }

  async function applyBinding(policy: Policy, binding: Binding, request: Mutable, shown: Kind): Promise<AnyObject> {
    const fails = (policy.spec?.failurePolicy ?? "Fail") === "Fail";
    const refuse = (message: string) => {
      if (fails) throw denied(policy, binding, request, message);
    };
    const params = await paramsOf(policy.spec?.paramKind, binding.spec?.paramRef, request, { kinds, lookup });
    if ("skip" in params) return request.object;
    if ("failure" in params) {
      refuse(`failed to configure binding: ${params.failure}`);
      return request.object;
    }
    const { conditions, mutations, scope } = compiled(policy);
    let object = await convert(request.object, request.kind, shown);
    for (const param of params.objects) {
      const budget = { left: POLICY_COST_MAX };
      for (const [index, mutation] of mutations.entries()) {
        const current = await convert(object, shown, request.kind);
        const variables: { readonly [name: string]: unknown } = {
          ...(await requestVariables({ ...request, object: current }, shown, { lookup, ask })),
          ...(policy.spec?.paramKind === undefined ? {} : { params: param === undefined ? null : toCel(param) }),
        };
        if (index === 0) {
          const verdict = await judgeConditions(conditions, variables);
          if ("failure" in verdict) refuse(verdict.failure);
          if ("failure" in verdict || !verdict.holds) break;
        }
        const all: { readonly [name: string]: unknown } = { ...variables, variables: scope((program) => run(program, all, budget)) };
        try {
          object = await mutate(mutation, shown, object, all, budget);
        } catch (error) {
          if (!(error instanceof RuntimeError)) throw error;
          refuse(error.message);
        }
      }
    }
    return await convert(object, shown, request.kind);
  }

  async function mutate(mutation: CompiledMutation, kind: Kind, object: AnyObject, variables: { readonly [name: string]: unknown }, budget: { left: number }): Promise<AnyObject> {
    const { program, expression, type } = mutation;
    let value: unknown;
    try {
      if (program instanceof CompileError) throw new RuntimeError(`compilation failed: ${program.message}`);
      value = fromCel(await run(program, variables, budget));
    } catch (error) {
      throw error instanceof RuntimeError ? new RuntimeError(`expression '${expression.trim()}' resulted in error: ${error.message}`) : error;
    }
    return type === "JSONPatch" ? patched(kind, object, value) : applied(kind, object, value);
  }

  function applied(kind: Kind, object: AnyObject, value: unknown): AnyObject {
    if (!isObject(value)) throw new RuntimeError("the expression of an ApplyConfiguration must make an Object");
    const configuration = { ...value, apiVersion: object.apiVersion, kind: object.kind, metadata: isObject(value["metadata"]) ? value["metadata"] : {} } as AnyObject;
    const wrong = changes.typeErrors(kind, configuration);
    if (wrong !== undefined) throw new RuntimeError(`error applying patch: failed to convert patch object to typed object: ${wrong}`);
    return changes.finish(kind, changes.apply(kind, object, configuration));
  }

  /** A "test" that does not hold is a condition, not a failure: the object stays as it is. */
  function patched(kind: Kind, object: AnyObject, value: unknown): AnyObject {
    if (!Array.isArray(value)) throw new RuntimeError("the expression of a JSONPatch must make a list of JSONPatch");
    const tests = value.filter((each) => isObject(each) && each["op"] === "test");
    try {
      changes.patch(object, tests);
    } catch (error) {
      if (error instanceof ApiError && tests.length > 0) return object;
      throw error;
    }
    try {
      return changes.finish(kind, changes.patch(object, value));
    } catch (error) {
      if (error instanceof ApiError) throw new RuntimeError(`JSON Patch: ${error.cause instanceof Error ? error.cause.message : error.message}`);
      throw error;
    }
  }

  return {
    name: "MutatingAdmissionPolicy",
    handles: () => (source()?.policies().length ?? 0) > 0,
    async mutate(request) {
      const first = await pass(request, () => true);
      if (sameJson(first, request.object)) return request.object;
      // what an early policy saw may have changed since; those that ask for it look again, once
      return await pass({ ...request, object: first }, (policy) => policy.spec?.reinvocationPolicy === "IfNeeded");
    },
  };
}

function denied(policy: Policy, binding: Binding, { kind, name }: AdmissionRequest, message: string): ApiError {
  const why = `policy '${policy.metadata.name}' with binding '${binding.metadata.name}' denied request: ${message}`;
  return new ApiError("Invalid", why, {
    code: 403,
    details: { ...(name === "" ? {} : { name }), ...(kind.group === "" ? {} : { group: kind.group }), kind: kind.plural, causes: [{ message: why }] },
  });
}

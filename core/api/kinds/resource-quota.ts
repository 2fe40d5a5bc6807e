/** ResourceQuotas: what a namespace may use, in all or of the pods in a scope. */
import type { KindHooks } from "../kinds.ts";
import type { ResourceQuota, ResourceQuotaSpec, ScopeSelector } from "../types.gen.ts";
import { wordTable } from "../word-table.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { type Errors, invalid, required, sortedEntries } from "./validate/errors.ts";
import { amountNotNegative, wholeAmount } from "./validate/quantity-rules.ts";
import { isQuotaResource, isWholeResource, quotaResourceName } from "./validate/resource-names.ts";

const column = columnsOf<ResourceQuota>();
const COMPUTE = new Set([
  "pods", "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory",
]);
const STORAGE = new Set(["persistentvolumeclaims", "requests.storage"]);
const SCOPES = wordTable<ReadonlySet<string>>({
  Terminating: COMPUTE,
  NotTerminating: COMPUTE,
  BestEffort: new Set(["pods"]),
  NotBestEffort: COMPUTE,
  PriorityClass: COMPUTE,
  CrossNamespacePodAffinity: COMPUTE,
  VolumeAttributesClass: STORAGE,
});
const CONTRADICTIONS = [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]] as const;
const WITHOUT_VALUES = ["BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity"];

export const resourceQuotaHooks: KindHooks = {
  prepareForCreate: (object) => ({ ...object, status: {} }),
  validate: checking((errors, { spec }: ResourceQuota) => validateSpec(errors, spec ?? {})),
  validateUpdate: checkingUpdate((errors, next: ResourceQuota, old: ResourceQuota) => {
    validateSpec(errors, next.spec ?? {});
    immutable(errors, "spec.scopes", next.spec?.scopes?.toSorted(), old.spec?.scopes?.toSorted(), next.spec?.scopes ?? null);
  }),
  validateSubresource: {
    status: checkingUpdate((errors, { status }: ResourceQuota) => {
      for (const list of ["hard", "used"] as const) amounts(errors, `status.${list}`, status?.[list]);
    }),
  },
  columns: [nameColumn, column("Request", (quota) => usage(quota, false)), column("Limit", (quota) => usage(quota, true)), ageColumn],
};

function usage({ status }: ResourceQuota, limits: boolean): string {
  return sortedEntries(status?.hard)
    .filter(([name]) => name.startsWith("limits.") === limits)
    .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? "0"}/${hard}`)
    .join(", ");
}

function amounts(errors: Errors, path: string, list: { readonly [name: string]: string } | undefined): void {
  for (const [name, amount] of sortedEntries(list)) {
    const at = `${path}[${name}]`;
    quotaResourceName(errors, at, name);
    amountNotNegative(errors, at, amount);
    if (isWholeResource(name)) wholeAmount(errors, at, amount);
  }
}

/** As Kubernetes shows it: with the names of its own types. */
const shownScopes = (selector: ScopeSelector | undefined) => ({
  MatchExpressions: (selector?.matchExpressions ?? []).map(({ scopeName, operator, values }) => ({ ScopeName: scopeName, Operator: operator, Values: values ?? null })),
});

function validateSpec(errors: Errors, spec: ResourceQuotaSpec): void {
  amounts(errors, "spec.hard", spec.hard);
  const names = Object.keys(spec.hard ?? {});
  const unfit = (scope: string) => names.filter((name) => isQuotaResource(name) && SCOPES[scope]?.has(name) === false);
  const { scopes = [], scopeSelector } = spec;
  for (const scope of scopes) {
    if (SCOPES[scope] === undefined) invalid(errors, "spec.scopes", scopes, "unsupported scope");
    unfit(scope).forEach(() => invalid(errors, "spec.scopes", scopes, "unsupported scope applied to resource"));
  }
  for (const [one, other] of CONTRADICTIONS) if (scopes.includes(one) && scopes.includes(other)) invalid(errors, "spec.scopes", scopes, "conflicting scopes");
  const at = "spec.scopeSelector.matchExpressions";
  for (const { scopeName, operator, values = [] } of scopeSelector?.matchExpressions ?? []) {
    if (SCOPES[scopeName] === undefined) invalid(errors, `${at}.scopeName`, scopeName ?? "", "unsupported scope");
    unfit(scopeName).forEach(() => invalid(errors, at, shownScopes(scopeSelector), "unsupported scope applied to resource"));
    if (WITHOUT_VALUES.includes(scopeName) && operator !== "Exists") {
      invalid(errors, `${at}.operator`, operator, "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity");
    }
    if (operator === "In" || operator === "NotIn") {
      if (values.length === 0) required(errors, `${at}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
    } else if (operator === "Exists" || operator === "DoesNotExist") {
      if (values.length > 0) invalid(errors, `${at}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
    } else {
      invalid(errors, `${at}.operator`, operator ?? "", "not a valid selector operator");
    }
  }
}

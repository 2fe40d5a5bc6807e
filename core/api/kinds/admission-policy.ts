/**
 * Admission policies and their bindings. Their expressions are compiled where they are run: here they only have to be
 * there.
 */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { dns1035Label, dns1123Subdomain, pathSegment, qualifiedName } from "../names.ts";
import { validateLabelSelector } from "../selector.ts";
import type {
  AuditAnnotation, MatchResources, MutatingAdmissionPolicy, Mutation, ParamKind, ParamRef, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
  Validation, Variable,
} from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapAll, mapField } from "./fill.ts";
import { checking } from "./hook-types.ts";
import { FAILURE_POLICIES, validateMatchConditions, validateMatchResources } from "./validate/admission-rules.ts";
import { validateConditions } from "./validate/conditions.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, notSupported, oneOf, required } from "./validate/errors.ts";

const validating = columnsOf<ValidatingAdmissionPolicy>();
const mutating = columnsOf<MutatingAdmissionPolicy>();
const binding = columnsOf<ValidatingAdmissionPolicyBinding>();
const REASONS = ["Forbidden", "Invalid", "RequestEntityTooLarge"];
const ACTIONS = ["Audit", "Deny", "Warn"];
const NOT_FOUND_ACTIONS = ["Allow", "Deny"];
const REINVOCATION = ["IfNeeded", "Never"];
const MUTATED = ["*", "CONNECT", "CREATE", "UPDATE"];
const PATCH_TYPES = ["ApplyConfiguration", "JSONPatch"];
const AUDIT_ANNOTATIONS = 20;
const VALUE_BYTES = 5 * 1024;
const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

const withScope = (rules: NonNullable<MatchResources["resourceRules"]>) => mapAll(rules, (rule) => fill(rule, { scope: "*" }));

const withMatch = (match: MatchResources): MatchResources => {
  return fill(mapField(mapField(match, "resourceRules", withScope), "excludeResourceRules", withScope), { matchPolicy: "Equivalent", namespaceSelector: {}, objectSelector: {} });
};

const defaultPolicy = (object: AnyObject): AnyObject =>
  mapField(object as unknown as ValidatingAdmissionPolicy, "spec", (spec) => fill(mapField(spec, "matchConstraints", withMatch), { failurePolicy: "Fail" })) as unknown as AnyObject;

const defaultBinding = (object: AnyObject): AnyObject =>
  mapField(object as unknown as ValidatingAdmissionPolicyBinding, "spec", (spec) => mapField(spec, "matchResources", withMatch)) as unknown as AnyObject;

export const validatingPolicyHooks: KindHooks = {
  setDefaults: defaultPolicy,
  validate: checking<ValidatingAdmissionPolicy>(validateValidating),
  validateSubresource: { status: checking<ValidatingAdmissionPolicy>(validateStatus) },
  columns: [
    nameColumn,
    validating("Validations", ({ spec }) => (spec?.validations ?? []).length, { type: "integer" }),
    validating("ParamKind", ({ spec }) => paramText(spec?.paramKind)),
    ageColumn,
  ],
};

export const mutatingPolicyHooks: KindHooks = {
  setDefaults: defaultPolicy,
  validate: checking<MutatingAdmissionPolicy>(validateMutating),
  columns: [
    nameColumn,
    mutating("Mutations", ({ spec }) => (spec?.mutations ?? []).length, { type: "integer" }),
    mutating("ParamKind", ({ spec }) => paramText(spec?.paramKind)),
    ageColumn,
  ],
};

const bindingColumns = [
  nameColumn,
  binding("PolicyName", ({ spec }) => spec?.policyName ?? ""),
  binding("ParamRef", ({ spec }) => refText(spec?.paramRef)),
  ageColumn,
];

export const validatingPolicyBindingHooks: KindHooks = {
  setDefaults: defaultBinding,
  validate: checking<ValidatingAdmissionPolicyBinding>((errors, object) => {
    validateBinding(errors, object);
    validateActions(errors, "spec.validationActions", object.spec?.validationActions ?? []);
  }),
  columns: bindingColumns,
};

export const mutatingPolicyBindingHooks: KindHooks = {
  setDefaults: defaultBinding,
  validate: checking<ValidatingAdmissionPolicyBinding>((errors, object) => {
    validateBinding(errors, object);
    onlyMutated(errors, "spec.matchResources", object.spec?.matchResources);
  }),
  columns: bindingColumns,
};

const paramText = (kind: ParamKind | undefined) => (kind === undefined ? "<unset>" : `${kind.apiVersion}/${kind.kind}`);

function refText(ref: ParamRef | undefined): string {
  if (ref === undefined) return "<unset>";
  if (!isEmpty(ref.namespace)) return `${ref.namespace}/${ref.name ?? "*"}`;
  return ref.name ?? "*";
}

type Policy = Pick<NonNullable<ValidatingAdmissionPolicy["spec"]>, "failurePolicy" | "paramKind" | "matchConstraints" | "matchConditions" | "variables">;

function validateCommon(errors: Errors, spec: Policy, mutates: boolean): void {
  const { failurePolicy, paramKind, matchConstraints, matchConditions, variables = [] } = spec;
  if (failurePolicy === undefined) required(errors, "spec.failurePolicy");
  else oneOf(errors, "spec.failurePolicy", failurePolicy, FAILURE_POLICIES);
  if (paramKind !== undefined) validateParamKind(errors, "spec.paramKind", paramKind);
  if (matchConstraints === undefined) required(errors, "spec.matchConstraints");
  else {
    validateMatchResources(errors, "spec.matchConstraints", matchConstraints);
    if ((matchConstraints.resourceRules ?? []).length === 0) required(errors, "spec.matchConstraints.resourceRules");
    if (mutates) onlyMutated(errors, "spec.matchConstraints", matchConstraints);
  }
  validateMatchConditions(errors, "spec.matchConditions", matchConditions);
  variables.forEach((variable, index) => validateVariable(errors, `spec.variables[${index}]`, variable));
}

function validateValidating(errors: Errors, { metadata, spec = {} }: ValidatingAdmissionPolicy): void {
  validateCommon(errors, spec, false);
  const { validations = [], auditAnnotations = [] } = spec as NonNullable<ValidatingAdmissionPolicy["spec"]>;
  if (validations.length === 0 && auditAnnotations.length === 0) {
    for (const field of ["validations", "auditAnnotations"]) required(errors, `spec.${field}`, "validations or auditAnnotations must contain at least one item");
    return;
  }
  validations.forEach((validation, index) => validateValidation(errors, `spec.validations[${index}]`, validation));
  if (auditAnnotations.length > AUDIT_ANNOTATIONS) {
    invalid(errors, "spec.auditAnnotations", auditAnnotations.map(({ key: Key, valueExpression: ValueExpression }) => ({ Key, ValueExpression })), `must not have more than ${AUDIT_ANNOTATIONS} auditAnnotations`);
  }
  const keys = new Set<string>();
  auditAnnotations.forEach((annotation, index) => {
    const at = `spec.auditAnnotations[${index}]`;
    const { key = "" } = annotation;
    validateAudit(errors, at, annotation, metadata.name ?? "");
    if (keys.has(key)) duplicate(errors, `${at}.key`, key);
    keys.add(key);
  });
}

function validateStatus(errors: Errors, { status }: ValidatingAdmissionPolicy): void {
  status?.typeChecking?.expressionWarnings?.forEach(({ fieldRef, warning }, index) => {
    const at = `status.typeChecking.expressionWarnings[${index}]`;
    if (isEmpty(warning)) required(errors, `${at}.warning`);
    if (isEmpty(fieldRef?.trim())) required(errors, `${at}.fieldRef`);
  });
  validateConditions(errors, "status.conditions", status?.conditions);
}

function validateMutating(errors: Errors, { spec = {} }: MutatingAdmissionPolicy): void {
  const { mutations = [], reinvocationPolicy } = spec as NonNullable<MutatingAdmissionPolicy["spec"]>;
  validateCommon(errors, spec, true);
  if (mutations.length === 0) required(errors, "spec.mutations", "mutations must contain at least one item");
  mutations.forEach((mutation, index) => validateMutation(errors, `spec.mutations[${index}]`, mutation));
  if (isEmpty(reinvocationPolicy)) required(errors, "spec.reinvocationPolicy");
  else oneOf(errors, "spec.reinvocationPolicy", reinvocationPolicy, REINVOCATION);
}

/** What is deleted cannot be changed. Without an index, as in Kubernetes. */
function onlyMutated(errors: Errors, at: string, match: MatchResources | undefined): void {
  for (const operation of match?.resourceRules?.flatMap(({ operations }) => operations ?? []) ?? []) {
    if (!MUTATED.includes(operation)) notSupported(errors, `${at}.resourceRules.operations`, operation, MUTATED);
  }
}

function validateMutation(errors: Errors, at: string, { patchType, applyConfiguration, jsonPatch }: Mutation): void {
  if (isEmpty(patchType)) return required(errors, `${at}.patchType`);
  if (!PATCH_TYPES.includes(patchType)) return notSupported(errors, `${at}.patchType`, patchType, PATCH_TYPES);
  const applies = patchType === "ApplyConfiguration";
  const [field, wanted, other, unwanted] = applies
    ? (["applyConfiguration", applyConfiguration, "jsonPatch", jsonPatch] as const)
    : (["jsonPatch", jsonPatch, "applyConfiguration", applyConfiguration] as const);
  if (wanted === undefined) required(errors, `${at}.${field}`, `must be specified when patchType is ${patchType}`);
  else if (isEmpty(wanted.expression?.trim())) required(errors, `${at}.${field}.expression`);
  if (unwanted !== undefined) invalid(errors, `${at}.${other}`, "{" + other + "}", `must not be specified when patchType is ${patchType}`);
}

function validateParamKind(errors: Errors, at: string, { apiVersion = "", kind = "" }: ParamKind): void {
  const parts = apiVersion.split("/");
  if (apiVersion === "") required(errors, `${at}.apiVersion`);
  else if (parts.length > 2) invalid(errors, `${at}.apiVersion`, apiVersion, `unexpected GroupVersion string: ${apiVersion}`);
  else {
    const [group, version] = parts.length === 2 ? [parts[0] ?? "", parts[1] ?? ""] : ["", apiVersion];
    const wrongGroup = group === "" ? [] : dns1123Subdomain(group);
    if (wrongGroup.length > 0) invalid(errors, `${at}.apiVersion`, group, wrongGroup.join(","));
    if (version === "") invalid(errors, `${at}.apiVersion`, apiVersion, "version must be specified");
    else if (dns1035Label(version).length > 0) invalid(errors, `${at}.apiVersion`, version, dns1035Label(version).join(","));
  }
  const wrongKind = dns1035Label(kind.toLowerCase());
  if (kind === "") required(errors, `${at}.kind`);
  else if (wrongKind.length > 0) invalid(errors, `${at}.kind`, kind, `may have mixed case, but should otherwise match: ${wrongKind.join(",")}`);
}

function validateVariable(errors: Errors, at: string, { name = "", expression = "" }: Variable): void {
  if (name.trim() === "") required(errors, `${at}.name`, "name is not specified");
  else if (!IDENTIFIER.test(name)) invalid(errors, `${at}.name`, name, "must be a valid CEL identifier");
  if (expression.trim() === "") required(errors, `${at}.expression`, "expression is not specified");
}

function validateValidation(errors: Errors, at: string, { expression = "", message = "", messageExpression = "", reason }: Validation): void {
  if (expression.trim() === "") required(errors, `${at}.expression`, "expression is not specified");
  if (messageExpression !== "" && messageExpression.trim() === "") invalid(errors, `${at}.messageExpression`, messageExpression, "must be non-empty if specified");
  if (message !== "" && message.trim() === "") invalid(errors, `${at}.message`, message, "must be non-empty if specified");
  else if (/[\n\r]/.test(message.trim())) invalid(errors, `${at}.message`, message, "must not contain line breaks");
  if (reason !== undefined && !REASONS.includes(reason)) notSupported(errors, `${at}.reason`, reason, REASONS);
}

function validateAudit(errors: Errors, at: string, { key = "", valueExpression = "" }: AuditAnnotation, policy: string): void {
  if (policy === "") invalid(errors, `${at}.key`, key, "requires metadata.name be non-empty");
  else check(errors, `${at}.key`, `${policy}/${key}`, qualifiedName);
  const value = valueExpression.trim();
  if (value === "") required(errors, `${at}.valueExpression`, "valueExpression is not specified");
  else if (value.length > VALUE_BYTES) required(errors, `${at}.valueExpression`, `must not exceed ${VALUE_BYTES} bytes in length`);
}

function validateBinding(errors: Errors, { spec = {} }: ValidatingAdmissionPolicyBinding): void {
  const { policyName = "", paramRef, matchResources } = spec as NonNullable<ValidatingAdmissionPolicyBinding["spec"]>;
  if (policyName === "") required(errors, "spec.policyName");
  else check(errors, "spec.policyName", policyName, dns1123Subdomain);
  if (paramRef !== undefined) validateParamRef(errors, "spec.paramRef", paramRef);
  if (matchResources !== undefined) validateMatchResources(errors, "spec.matchResources", matchResources);
}

function validateParamRef(errors: Errors, at: string, { name = "", selector, parameterNotFoundAction }: ParamRef): void {
  if (name !== "") {
    check(errors, `${at}.name`, name, pathSegment);
    if (selector !== undefined) forbidden(errors, `${at}.name`, "name and selector are mutually exclusive");
  } else if (selector === undefined) required(errors, at, "one of name or selector must be specified");
  if (selector !== undefined) errors.push(...validateLabelSelector(selector, `${at}.selector`));
  if (selector !== undefined && name !== "") forbidden(errors, `${at}.selector`, "name and selector are mutually exclusive");
  if (parameterNotFoundAction === undefined) required(errors, `${at}.parameterNotFoundAction`);
  else if (!NOT_FOUND_ACTIONS.includes(parameterNotFoundAction)) notSupported(errors, `${at}.parameterNotFoundAction`, parameterNotFoundAction, ["Deny", "Allow"]);
}

function validateActions(errors: Errors, at: string, actions: readonly string[]): void {
  const seen = new Set<string>();
  actions.forEach((action, index) => {
    if (!ACTIONS.includes(action)) notSupported(errors, `${at}[${index}]`, action, ACTIONS);
    if (seen.has(action)) duplicate(errors, `${at}[${index}]`, action);
    seen.add(action);
  });
  if (seen.has("Deny") && seen.has("Warn")) {
    invalid(errors, at, actions, "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)");
  }
  if (seen.size === 0) required(errors, at, "at least one validation action is required");
}

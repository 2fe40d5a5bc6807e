/** FlowSchemas and PriorityLevelConfigurations (API priority and fairness, KEP-1040). */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { dns1123Label, dns1123Subdomain } from "../names.ts";
import type {
  FlowSchema, FlowSchemaSpec, LimitResponse, LimitedPriorityLevelConfiguration, NonResourcePolicyRule, PolicyRulesWithSubjects, PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec, QueuingConfiguration, ResourcePolicyRule, Subject,
} from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapField } from "./fill.ts";
import { checking } from "./hook-types.ts";
import { mandatorySpec } from "./mandatory-flow-control.ts";
import { type Errors, check, checkRequired, duplicate, forbidden, invalid, isEmpty, notSupported, required } from "./validate/errors.ts";
import { inRange } from "./validate/numbers.ts";
import { same } from "./validate/same.ts";

const schema = columnsOf<FlowSchema>();
const level = columnsOf<PriorityLevelConfiguration>();
const PRECEDENCE = { default: 1000, most: 10_000 };
const SHARES = 30;
const QUEUING = { handSize: 8, queueLengthLimit: 50, queues: 64 };
const MOST_QUEUES = 10_000_000;
/** A hash of a flow has this many bits to choose its queues with. */
const HASH_BITS = 60;
const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];
const METHODS = ["ByNamespace", "ByUser"];

export const flowSchemaHooks: KindHooks = {
  setDefaults: (object) =>
    mapField(object as unknown as FlowSchema, "spec", (spec) => ((spec.matchingPrecedence ?? 0) === 0 ? { ...spec, matchingPrecedence: PRECEDENCE.default } : spec)) as unknown as AnyObject,
  validate: checking<FlowSchema>(validateSchema, equalsMandatory("FlowSchema")),
  validateSubresource: { status: checking<FlowSchema>((errors, { status }) => distinctConditions(errors, status?.conditions ?? [])) },
  columns: [
    nameColumn,
    schema("PriorityLevel", ({ spec }) => spec?.priorityLevelConfiguration.name ?? ""),
    schema("MatchingPrecedence", ({ spec }) => spec?.matchingPrecedence ?? 0),
    schema("DistinguisherMethod", ({ spec }) => spec?.distinguisherMethod?.type ?? "<none>"),
    ageColumn,
    schema("MissingPL", ({ status }) => status?.conditions?.find(({ type }) => type === "Dangling")?.status ?? "?"),
  ],
};

export const priorityLevelHooks: KindHooks = {
  setDefaults: (object) => mapField(object as unknown as PriorityLevelConfiguration, "spec", defaultLevel) as unknown as AnyObject,
  validate: checking<PriorityLevelConfiguration>(validateLevel, equalsMandatory("PriorityLevelConfiguration")),
  validateSubresource: { status: checking<PriorityLevelConfiguration>((errors, { status }) => distinctConditions(errors, status?.conditions ?? [])) },
  columns: [
    nameColumn,
    level("Type", ({ spec }) => spec?.type ?? ""),
    level("NominalConcurrencyShares", ({ spec }) => (spec?.type === "Exempt" ? (spec.exempt?.nominalConcurrencyShares ?? "<none>") : (spec?.limited?.nominalConcurrencyShares ?? "<none>"))),
    level("Queues", ({ spec }) => spec?.limited?.limitResponse?.queuing?.queues ?? "<none>"),
    level("HandSize", ({ spec }) => spec?.limited?.limitResponse?.queuing?.handSize ?? "<none>"),
    level("QueueLengthLimit", ({ spec }) => spec?.limited?.limitResponse?.queuing?.queueLengthLimit ?? "<none>"),
    ageColumn,
  ],
};

function defaultLevel(spec: PriorityLevelConfigurationSpec): PriorityLevelConfigurationSpec {
  if (spec.type === "Exempt") return { ...spec, exempt: fill(spec.exempt ?? {}, { nominalConcurrencyShares: 0, lendablePercent: 0 }) };
  return mapField(spec, "limited", (limited) =>
    mapField(fill(limited, { nominalConcurrencyShares: SHARES, lendablePercent: 0 }), "limitResponse", (response) => mapField(response, "queuing", defaultQueuing)),
  );
}

/** Zero is no number of queues. */
function defaultQueuing(queuing: QueuingConfiguration): QueuingConfiguration {
  const { handSize = 0, queueLengthLimit = 0, queues = 0 } = queuing;
  return { handSize: handSize || QUEUING.handSize, queueLengthLimit: queueLengthLimit || QUEUING.queueLengthLimit, queues: queues || QUEUING.queues };
}

/** The objects that keep a server reachable cannot be changed. */
function equalsMandatory(kind: "FlowSchema" | "PriorityLevelConfiguration") {
  return (errors: Errors, { metadata, spec }: { readonly metadata: { readonly name?: string }; readonly spec?: unknown }): void => {
    const name = metadata.name ?? "";
    const fixed = mandatorySpec(kind, name);
    if (fixed !== undefined && !same(fixed, spec)) invalid(errors, "spec", spec, `spec of '${name}' must equal the fixed value`);
  };
}

function distinctConditions(errors: Errors, conditions: readonly { readonly type?: string }[]): void {
  const seen = new Set<string>();
  conditions.forEach(({ type = "" }, index) => {
    const at = `status.conditions[${index}].type`;
    if (seen.has(type)) duplicate(errors, at, type);
    seen.add(type);
    if (type === "") required(errors, at);
  });
}

function validateSchema(errors: Errors, { metadata, spec }: FlowSchema): void {
  const { matchingPrecedence = 0, distinguisherMethod, priorityLevelConfiguration, rules = [] } = spec ?? ({} as Partial<FlowSchemaSpec>);
  const at = "spec.matchingPrecedence";
  if (matchingPrecedence <= 0) invalid(errors, at, matchingPrecedence, "must be a positive value");
  if (matchingPrecedence > PRECEDENCE.most) invalid(errors, at, matchingPrecedence, `must not be greater than ${PRECEDENCE.most}`);
  if (matchingPrecedence === 1 && metadata.name !== "exempt") invalid(errors, at, matchingPrecedence, "only the schema named 'exempt' may have matchingPrecedence 1");
  if (distinguisherMethod !== undefined && !METHODS.includes(distinguisherMethod.type)) {
    notSupported(errors, "spec.distinguisherMethod.type", { Type: distinguisherMethod.type }, METHODS);
  }
  const name = priorityLevelConfiguration?.name;
  if (isEmpty(name)) required(errors, "spec.priorityLevelConfiguration.name", "must reference a priority level");
  else check(errors, "spec.priorityLevelConfiguration.name", name ?? "", dns1123Subdomain);
  rules.forEach((rule, index) => validateRule(errors, `spec.rules[${index}]`, rule));
}

function validateRule(errors: Errors, at: string, { subjects = [], resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects): void {
  if (subjects.length === 0) required(errors, `${at}.subjects`, "subjects must contain at least one value");
  subjects.forEach((subject, index) => validateSubject(errors, `${at}.subjects[${index}]`, subject));
  if (resourceRules.length === 0 && nonResourceRules.length === 0) required(errors, at, "at least one of resourceRules and nonResourceRules has to be non-empty");
  resourceRules.forEach((rule, index) => resourceRule(errors, `${at}.resourceRules[${index}]`, rule));
  nonResourceRules.forEach((rule, index) => nonResourceRule(errors, `${at}.nonResourceRules[${index}]`, rule));
}

const FIELD_OF: { readonly [kind: string]: "user" | "group" | "serviceAccount" } = { ServiceAccount: "serviceAccount", User: "user", Group: "group" };

function validateSubject(errors: Errors, at: string, subject: Subject): void {
  const { kind = "" } = subject;
  const field = Object.hasOwn(FIELD_OF, kind) ? FIELD_OF[kind] : undefined;
  if (field === undefined) return notSupported(errors, `${at}.kind`, kind, ["Group", "ServiceAccount", "User"]);
  if (subject[field] === undefined) required(errors, `${at}.${field}`, `${field} is required when subject kind is '${kind}'`);
  else if (field === "serviceAccount") {
    const { name = "", namespace = "" } = subject.serviceAccount ?? {};
    if (name === "") required(errors, `${at}.serviceAccount.name`);
    else if (name !== "*") check(errors, `${at}.serviceAccount.name`, name, dns1123Subdomain);
    if (namespace === "") required(errors, `${at}.serviceAccount.namespace`, "must specify namespace for service account");
    else check(errors, `${at}.serviceAccount.namespace`, namespace, dns1123Label);
  } else checkRequired(errors, `${at}.${field}.name`, subject[field]?.name, () => []);
  for (const [other, unwanted] of Object.entries(FIELD_OF)) {
    if (unwanted !== field && subject[unwanted] !== undefined) forbidden(errors, `${at}.${unwanted}`, `${unwanted} is forbidden when subject kind is not '${other}'`);
  }
}

function wildcardAlone(errors: Errors, at: string, values: readonly string[], missing: string, others: string): boolean {
  if (values.length === 0) required(errors, at, missing);
  else if (values.length > 1 && values.includes("*")) invalid(errors, at, values, `if '*' is present, must not specify other ${others}`);
  return values.length > 0 && !values.includes("*");
}

function verbs(errors: Errors, at: string, list: readonly string[]): void {
  const listed = wildcardAlone(errors, at, list, "verbs must contain at least one value", "verbs");
  if (listed && !list.every((verb) => VERBS.includes(verb))) notSupported(errors, at, list, VERBS);
}

function resourceRule(errors: Errors, at: string, rule: ResourcePolicyRule): void {
  const { apiGroups = [], resources = [], clusterScope = false } = rule;
  const namespaces = rule.namespaces ?? [];
  verbs(errors, `${at}.verbs`, rule.verbs ?? []);
  wildcardAlone(errors, `${at}.apiGroups`, apiGroups, "resource rules must supply at least one api group", "api groups");
  wildcardAlone(errors, `${at}.resources`, resources, "resource rules must supply at least one resource", "resources");
  if (namespaces.length === 0 && clusterScope) return;
  const missing = "resource rules that are not cluster scoped must supply at least one namespace";
  if (!wildcardAlone(errors, `${at}.namespaces`, namespaces, missing, "namespaces")) return;
  namespaces.forEach((name, index) => {
    for (const why of dns1123Label(name)) invalid(errors, `${at}.namespaces[${index}]`, name, `each member of this list must be '*' or a DNS-1123 label; ${why}`);
  });
}

function nonResourceRule(errors: Errors, at: string, { verbs: list = [], nonResourceURLs = [] }: NonResourcePolicyRule): void {
  verbs(errors, `${at}.verbs`, list);
  if (!wildcardAlone(errors, `${at}.nonResourceURLs`, nonResourceURLs, "nonResourceURLs must contain at least one value", "non-resource URLs")) return;
  nonResourceURLs.forEach((path, index) => {
    const why = urlPath(path);
    if (why !== undefined) invalid(errors, `${at}.nonResourceURLs[${index}]`, path, why);
  });
}

function urlPath(path: string): string | undefined {
  if (path === "") return "must not be empty";
  if (path === "/") return undefined;
  if (!path.startsWith("/")) return "must start with slash";
  if (path.includes(" ")) return "must not contain white-space";
  if (path.includes("//")) return "must not contain double slash";
  const stars = path.split("*").length - 1;
  return stars > 1 || (stars === 1 && !path.endsWith("/*")) ? "wildcard can only do suffix matching" : undefined;
}

function validateLevel(errors: Errors, { metadata, spec }: PriorityLevelConfiguration): void {
  const { type = "", limited, exempt } = spec ?? ({} as Partial<PriorityLevelConfigurationSpec>);
  if ((metadata.name === "exempt") !== (type === "Exempt")) invalid(errors, "spec.type", type, "must be 'Exempt' if and only if `name` is 'exempt'");
  if (type === "Exempt") {
    if (limited !== undefined) forbidden(errors, "spec.limited", "must be nil if the type is not Limited");
    if (exempt !== undefined) shares(errors, "spec.exempt", exempt);
  } else if (type === "Limited") {
    if (exempt !== undefined) forbidden(errors, "spec.exempt", "must be nil if the type is Limited");
    if (limited === undefined) required(errors, "spec.limited", "must not be empty when type is Limited");
    else validateLimited(errors, "spec.limited", limited);
  } else notSupported(errors, "spec.type", type, ["Exempt", "Limited"]);
}

function shares(errors: Errors, at: string, { nominalConcurrencyShares = 0, lendablePercent = 0 }: LimitedPriorityLevelConfiguration): void {
  if (nominalConcurrencyShares < 0) invalid(errors, `${at}.nominalConcurrencyShares`, nominalConcurrencyShares, "must be a non-negative integer");
  if (lendablePercent < 0 || lendablePercent > 100) invalid(errors, `${at}.lendablePercent`, lendablePercent, inRange(0, 100));
}

function validateLimited(errors: Errors, at: string, limited: LimitedPriorityLevelConfiguration): void {
  const { nominalConcurrencyShares = 0, borrowingLimitPercent, lendablePercent = 0 } = limited;
  if (nominalConcurrencyShares < 0) invalid(errors, `${at}.nominalConcurrencyShares`, nominalConcurrencyShares, "must be a non-negative integer");
  validateResponse(errors, `${at}.limitResponse`, limited.limitResponse ?? { type: "" });
  if (lendablePercent < 0 || lendablePercent > 100) invalid(errors, `${at}.lendablePercent`, lendablePercent, inRange(0, 100));
  if (borrowingLimitPercent !== undefined && borrowingLimitPercent < 0) invalid(errors, `${at}.borrowingLimitPercent`, borrowingLimitPercent, "if specified, must be a non-negative integer");
}

function validateResponse(errors: Errors, at: string, { type = "", queuing }: LimitResponse): void {
  if (type === "Reject") {
    if (queuing !== undefined) forbidden(errors, `${at}.queuing`, "must be nil if limited.limitResponse.type is not Limited");
  } else if (type === "Queue") {
    if (queuing === undefined) required(errors, `${at}.queuing`, "must not be empty if limited.limitResponse.type is Limited");
    else validateQueuing(errors, `${at}.queuing`, queuing);
  } else notSupported(errors, `${at}.type`, type, ["Queue", "Reject"]);
}

function validateQueuing(errors: Errors, at: string, { queueLengthLimit = 0, queues = 0, handSize = 0 }: QueuingConfiguration): void {
  if (queueLengthLimit <= 0) invalid(errors, `${at}.queueLengthLimit`, queueLengthLimit, "must be positive");
  if (queues <= 0) invalid(errors, `${at}.queues`, queues, "must be positive");
  else if (queues > MOST_QUEUES) invalid(errors, `${at}.queues`, queues, `must not be greater than ${MOST_QUEUES}`);
  if (handSize <= 0) invalid(errors, `${at}.handSize`, handSize, "must be positive");
  else if (handSize > queues) invalid(errors, `${at}.handSize`, handSize, `should not be greater than queues (${queues})`);
  else if (entropyBits(queues, handSize) > HASH_BITS) {
    invalid(errors, `${at}.handSize`, handSize, `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${HASH_BITS}`);
  }
}

/** Bits that choosing a hand of distinct cards takes. */
function entropyBits(deck: number, hand: number): number {
  let bits = 0;
  for (let card = 0; card < hand; card++) bits += Math.log2(deck - card);
  return Math.ceil(bits);
}

/** What claims, classes and slices of devices share (dynamic resource allocation, KEP-4381). */
import { dns1123Label, dns1123Subdomain, labelValue, type NameRule, qualifiedName } from "../../names.ts";
import type { DeviceSelector, DeviceTaint, DeviceToleration, OpaqueDeviceConfiguration } from "../../types.gen.ts";
import { type Errors, check, checkRequired, duplicate, invalid, isEmpty, notSupported, required, tooLong, tooMany } from "./errors.ts";
import { csiDriverName } from "./volume-sources.ts";

export const LIMITS = {
  requests: 32,
  constraints: 32,
  configurations: 32,
  alternatives: 8,
  selectors: 32,
  reservedFor: 256,
  devices: 128,
  devicesWithTaintsOrCounters: 64,
  counterSets: 8,
  attributes: 32,
  taints: 16,
  bindingConditions: 4,
} as const;

const EXPRESSION_BYTES = 10 * 1024;
const PARAMETER_BYTES = 10 * 1024;
const POOL_LENGTH = 253;
const IDENTIFIER_LENGTH = 32;
const EFFECTS = ["NoSchedule", "NoExecute", "None"];
const IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*";
const identifierPattern = new RegExp(`^${IDENTIFIER}$`);

type Item<T> = (errors: Errors, at: string, item: T) => void;

export function eachOf<T>(errors: Errors, at: string, list: readonly T[], most: number, rule: Item<T>): void {
  if (list.length > most) return tooMany(errors, at, list.length, most);
  list.forEach((item, index) => rule(errors, `${at}[${index}]`, item));
}

/** As `eachOf`, and no two items with the same key. */
export function setOf<T>(errors: Errors, at: string, list: readonly T[], most: number, rule: Item<T>, key: (item: T) => string): void {
  eachOf(errors, at, list, most, rule);
  if (list.length > most) return;
  const seen = new Set<string>();
  list.forEach((item, index) => {
    if (seen.has(key(item))) duplicate(errors, `${at}[${index}]`, key(item));
    seen.add(key(item));
  });
}

const identifier: NameRule = (text) =>
  identifierPattern.test(text)
    ? []
    : [
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' " +
          `(e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '${IDENTIFIER}')`,
      ];

/** The name of an attribute or capacity, with or without the domain that defines it. */
export function deviceQualifiedName(errors: Errors, at: string, name: string): void {
  const parts = name.split("/");
  // Kubernetes looks no further at what has more than one slash
  if (parts.length > 2) return;
  const [domain, id] = parts.length === 1 ? [undefined, parts[0] ?? ""] : [parts[0] ?? "", parts[1] ?? ""];
  if (domain === "") invalid(errors, at, "", "the domain must not be empty");
  else if (domain !== undefined) csiDriverName(errors, at, domain);
  if (domain !== undefined && id === "") return invalid(errors, at, "", "the name must not be empty");
  if (id.length > IDENTIFIER_LENGTH) tooLong(errors, at, IDENTIFIER_LENGTH);
  check(errors, at, id, identifier);
}

export function fullyQualifiedAttribute(errors: Errors, at: string, name: string): void {
  deviceQualifiedName(errors, at, name);
  if (!name.includes("/")) invalid(errors, at, name, "a fully qualified name must be a domain and a name separated by a slash");
}

/** Expressions are compiled where devices are chosen; here they have to be there and short. */
export function selector(errors: Errors, at: string, { cel }: DeviceSelector): void {
  if (cel === undefined) return required(errors, `${at}.cel`);
  if (Buffer.byteLength(cel.expression ?? "") > EXPRESSION_BYTES) tooLong(errors, `${at}.cel.expression`, EXPRESSION_BYTES);
}

export function configuration(errors: Errors, at: string, opaque: OpaqueDeviceConfiguration | undefined): void {
  if (opaque === undefined) return required(errors, `${at}.opaque`);
  csiDriverName(errors, `${at}.opaque.driver`, opaque.driver);
  rawObject(errors, `${at}.opaque.parameters`, opaque.parameters);
}

/** JSON that belongs to a driver. */
export function rawObject(errors: Errors, at: string, value: unknown): void {
  if (value === undefined || value === null) return required(errors, at);
  if (Buffer.byteLength(JSON.stringify(value)) > PARAMETER_BYTES) return tooLong(errors, at, PARAMETER_BYTES);
  if (typeof value !== "object" || Array.isArray(value)) invalid(errors, at, "<value omitted>", "must be a valid JSON object");
}

export function toleration(errors: Errors, at: string, { key = "", operator, value = "", effect }: DeviceToleration): void {
  if (key !== "") check(errors, `${at}.key`, key, qualifiedName);
  if (operator === "Exists") {
    if (value !== "") invalid(errors, `${at}.value`, value, "must be empty for operator `Exists`");
  } else if (operator === "Equal") check(errors, `${at}.value`, value, labelValue);
  else if (isEmpty(operator)) required(errors, `${at}.operator`);
  else notSupported(errors, `${at}.operator`, operator, ["Equal", "Exists"]);
  if (!isEmpty(effect) && !EFFECTS.includes(effect ?? "")) notSupported(errors, `${at}.effect`, effect, ["NoExecute", "NoSchedule", "None"]);
}

export function taint(errors: Errors, at: string, { key = "", value = "", effect = "" as DeviceTaint["effect"] }: DeviceTaint): void {
  check(errors, `${at}.key`, key, qualifiedName);
  if (value !== "") check(errors, `${at}.value`, value, labelValue);
  if (isEmpty(effect)) required(errors, `${at}.effect`);
  else if (!EFFECTS.includes(effect)) notSupported(errors, `${at}.effect`, effect, ["NoExecute", "NoSchedule", "None"]);
}

export function poolName(errors: Errors, at: string, name: string): void {
  if (name === "") return required(errors, at);
  if (name.length > POOL_LENGTH) tooLong(errors, at, POOL_LENGTH);
  for (const part of name.split("/")) check(errors, at, part, dns1123Subdomain);
}

const conditionName: Item<string> = (errors, at, name) => check(errors, at, name, qualifiedName);

/** What has to be true before a pod uses a device, and what says that it never will be. */
export function bindingConditions(errors: Errors, at: string, conditions: readonly string[] = [], failures: readonly string[] = []): void {
  eachOf(errors, `${at}.bindingConditions`, conditions, LIMITS.bindingConditions, conditionName);
  eachOf(errors, `${at}.bindingFailureConditions`, failures, LIMITS.bindingConditions, conditionName);
  conditions.forEach((condition, index) => {
    if (conditions.indexOf(condition) < index) duplicate(errors, `${at}.bindingConditions[${index}]`, condition);
  });
  failures.forEach((condition, index) => {
    if (failures.indexOf(condition) < index) duplicate(errors, `${at}.bindingFailureConditions[${index}]`, condition);
    if (conditions.includes(condition)) invalid(errors, `${at}.bindingFailureConditions[${index}]`, condition, "bindingFailureConditions must not overlap with bindingConditions");
  });
  if (conditions.length === 0 && failures.length > 0) invalid(errors, `${at}.bindingConditions`, null, "bindingConditions are required to use bindingFailureConditions");
  if (failures.length === 0 && conditions.length > 0) invalid(errors, `${at}.bindingFailureConditions`, null, "bindingFailureConditions are required to use bindingConditions");
}

export function deviceClass(errors: Errors, at: string, name: string | undefined): void {
  checkRequired(errors, at, name, dns1123Subdomain);
}

export const requestName: Item<string> = (errors, at, name) => check(errors, at, name, dns1123Label);

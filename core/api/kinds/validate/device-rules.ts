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
const DOMAIN_LENGTH = 63;
const EFFECTS = ["NoSchedule", "NoExecute", "None"];
const IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*";
const identifierPattern = new RegExp(`^${IDENTIFIER}$`);

type Item<T> = (errors: Errors, at: string, item: T) => void;

export function eachOf<T>(errors: Errors, at: string, list: readonly T[], most: number, rule: Item<T>): void {
  if (list.length > most) tooMany(errors, at, list.length, most);
  list.forEach((item, index) => rule(errors, `${at}[${index}]`, item));
}

/** As `eachOf`, and no two items with the same key. */
export function setOf<T>(errors: Errors, at: string, list: readonly T[], most: number, rule: Item<T>, key: (item: T) => string): void {
  const seen = new Set<string>();
  eachOf(errors, at, list, most, (found, path, item) => {
    rule(found, path, item);
    if (seen.has(key(item))) duplicate(found, path, key(item));
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
  if (name === "") return required(errors, at, "name required");
  const parts = name.split("/");
  const [domain, id] = parts.length === 1 ? [undefined, parts[0] ?? ""] : [parts[0] ?? "", parts.slice(1).join("/")];
  if (domain === "") required(errors, at, "the domain must not be empty");
  else if (domain !== undefined) {
    if (domain.length > DOMAIN_LENGTH) tooLong(errors, at, DOMAIN_LENGTH);
    check(errors, at, domain, dns1123Subdomain);
  }
  if (id === "") return required(errors, at, "the name must not be empty");
  if (id.length > IDENTIFIER_LENGTH) tooLong(errors, at, IDENTIFIER_LENGTH);
  check(errors, at, id, identifier);
}

export function fullyQualifiedAttribute(errors: Errors, at: string, name: string): void {
  deviceQualifiedName(errors, at, name);
  if (name !== "" && !name.includes("/")) invalid(errors, at, name, "must include a domain");
}

/** Expressions are compiled where devices are chosen; here they have to be there and short. */
export function selector(errors: Errors, at: string, { cel }: DeviceSelector): void {
  if (cel === undefined) return required(errors, `${at}.cel`);
  if (Buffer.byteLength(cel.expression ?? "") > EXPRESSION_BYTES) tooLong(errors, `${at}.cel.expression`, EXPRESSION_BYTES);
}

export function configuration(errors: Errors, at: string, opaque: OpaqueDeviceConfiguration | undefined): void {
  if (opaque === undefined) return required(errors, `${at}.opaque`);
  csiDriverName(errors, `${at}.opaque.driver`, opaque.driver);
  const { parameters } = opaque;
  if (parameters === undefined || parameters === null) return required(errors, `${at}.opaque.parameters`);
  if (typeof parameters !== "object" || Array.isArray(parameters)) return invalid(errors, `${at}.opaque.parameters`, "<value omitted>", "must be a valid JSON object");
  if (Buffer.byteLength(JSON.stringify(parameters)) > PARAMETER_BYTES) tooLong(errors, `${at}.opaque.parameters`, PARAMETER_BYTES);
}

export function toleration(errors: Errors, at: string, { key = "", operator, value = "", effect }: DeviceToleration): void {
  if (key !== "") check(errors, `${at}.key`, key, qualifiedName);
  if (key === "" && operator !== "Exists" && !isEmpty(operator)) {
    invalid(errors, `${at}.operator`, operator, 'operator must be Exists when `key` is empty, which means "match all values and all keys"');
  }
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

export function deviceClass(errors: Errors, at: string, name: string | undefined): void {
  checkRequired(errors, at, name, dns1123Subdomain);
}

export const requestName: Item<string> = (errors, at, name) => check(errors, at, name, dns1123Label);

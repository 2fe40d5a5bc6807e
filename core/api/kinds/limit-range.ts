/** LimitRanges: bounds and defaults of single containers, pods and claims. */
import type { KindHooks } from "../kinds.ts";
import { qualifiedName } from "../names.ts";
import { compareQuantities } from "../quantity.ts";
import type { LimitRange, LimitRangeItem } from "../types.gen.ts";
import { wordTable } from "../word-table.ts";
import { fill, mapAll, mapField } from "./fill.ts";
import { change, checking, checkingUpdate } from "./hook-types.ts";
import { type Errors, check, duplicate, forbidden, invalid, required } from "./validate/errors.ts";
import { amountOf } from "./validate/quantity-rules.ts";
import { isOvercommitAllowed, limitRangeResourceName } from "./validate/resource-names.ts";

const TYPES = ["Pod", "Container", "PersistentVolumeClaim"];
const LISTS = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] as const;
/** what must not be above what, and how the message says it; the error is on the first field named */
const ORDER = [
  ["min", "max", "min", "min value %a is greater than max value %b"],
  ["min", "defaultRequest", "defaultRequest", "min value %a is greater than default request value %b"],
  ["defaultRequest", "max", "defaultRequest", "default request value %a is greater than max value %b"],
  ["defaultRequest", "default", "defaultRequest", "default request value %a is greater than default limit value %b"],
  ["min", "default", "default", "min value %a is greater than default value %b"],
  ["default", "max", "default", "default value %a is greater than max value %b"],
] as const;

export const limitRangeHooks: KindHooks = {
  setDefaults: change<LimitRange>((object) => mapField(object, "spec", (spec) => mapField(spec, "limits", (limits) => mapAll(limits, defaultItem)))),
  validate: checking(validateLimitRange),
  validateUpdate: checkingUpdate((errors, next: LimitRange) => validateLimitRange(errors, next)),
};

function defaultItem(item: LimitRangeItem): LimitRangeItem {
  if (item.type !== "Container") return item;
  const limits = fill(item.default ?? {}, item.max ?? {});
  const requests = fill(fill(item.defaultRequest ?? {}, limits), item.min ?? {});
  return { ...item, ...(Object.keys(limits).length > 0 ? { default: limits } : {}), ...(Object.keys(requests).length > 0 ? { defaultRequest: requests } : {}) };
}

function validateLimitRange(errors: Errors, { spec }: LimitRange): void {
  const types = new Set<string>();
  spec?.limits?.forEach((item, index) => {
    const at = `spec.limits[${index}]`;
    const { type = "" } = item;
    check(errors, `${at}.type`, type, qualifiedName);
    if (!type.includes("/") && qualifiedName(type).length === 0 && !TYPES.includes(type)) invalid(errors, `${at}.type`, type, "must be a standard limit type or fully qualified");
    if (types.has(type)) duplicate(errors, `${at}.type`, type);
    types.add(type);
    validateItem(errors, at, item);
  });
}

function validateItem(errors: Errors, path: string, item: LimitRangeItem): void {
  const names = new Set<string>();
  for (const list of LISTS) {
    const amounts = Object.keys(item[list] ?? {}).toSorted();
    if (item.type === "Pod" && (list === "default" || list === "defaultRequest")) {
      if (amounts.length > 0) forbidden(errors, `${path}.${list}`, "may not be specified when `type` is 'Pod'");
      continue;
    }
    for (const name of amounts) {
      limitRangeResourceName(errors, `${path}.${list}[${name}]`, name, item.type);
      names.add(name);
    }
  }
  if (item.type === "PersistentVolumeClaim" && item.min?.["storage"] === undefined && item.max?.["storage"] === undefined) {
    required(errors, `${path}.limits`, "either minimum or maximum storage value is required, but neither was provided");
  }
  const asked = { ...item, ...Object.fromEntries(LISTS.flatMap((list) => (item[list] === undefined ? [] : [[list, wordTable(item[list])]]))) };
  for (const name of [...names].toSorted()) compare(errors, path, asked, name);
}

function compare(errors: Errors, path: string, item: LimitRangeItem, name: string): void {
  for (const [low, high, field, words] of ORDER) {
    const [a, b] = [item[low]?.[name], item[high]?.[name]];
    if (a === undefined || b === undefined || compareQuantities(amountOf(a), amountOf(b)) <= 0) continue;
    invalid(errors, `${path}.${field}[${name}]`, field === "default" ? (low === "min" ? a : b) : item[field]?.[name], words.replace("%a", a).replace("%b", b));
  }
  const ratio = item.maxLimitRequestRatio?.[name];
  if (ratio !== undefined) validateRatio(errors, `${path}.maxLimitRequestRatio[${name}]`, ratio, item.min?.[name], item.max?.[name]);
  const [limit, request] = [item.default?.[name], item.defaultRequest?.[name]];
  if (!isOvercommitAllowed(name) && limit !== undefined && request !== undefined && limit !== request) {
    invalid(errors, `${path}.defaultRequest[${name}]`, request, `default value ${limit} must equal to defaultRequest value ${request} in ${name}`);
  }
}

function validateRatio(errors: Errors, path: string, ratio: string, min: string | undefined, max: string | undefined): void {
  const value = amountOf(ratio);
  if (compareQuantities(value, amountOf("1")) < 0) invalid(errors, path, ratio, `ratio ${ratio} is less than 1`);
  if (min === undefined || max === undefined || amountOf(min).nanos === 0n) return;
  const most = Number(amountOf(max).nanos) / Number(amountOf(min).nanos);
  if (Number(value.nanos) / 1e9 > most) invalid(errors, path, ratio, `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`);
}

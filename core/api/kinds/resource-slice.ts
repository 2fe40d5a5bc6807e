/** ResourceSlices: the devices that a driver offers on a node, or on several. */
import { timestamp } from "../clock.ts";
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { dns1123Label, dns1123Subdomain } from "../names.ts";
import type { CounterSet, Device, DeviceAttribute, DeviceCounterConsumption, ResourceSlice, ResourceSliceSpec } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { mapAll, mapField, without } from "./fill.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { validateNodeSelector } from "./validate/affinity.ts";
import { bindingConditions, deviceQualifiedName, eachOf, LIMITS, poolName, setOf, taint } from "./validate/device-rules.ts";
import { type Errors, check, checkRequired, forbidden, invalid, required, sortedEntries, tooLong } from "./validate/errors.ts";
import { internalForm } from "./validate/internal-form.ts";
import { csiDriverName } from "./validate/volume-sources.ts";

const column = columnsOf<ResourceSlice>();
const TEXT_LENGTH = 64;
const NODES = ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"] as const;
const LISTS = ["bools", "ints", "strings", "versions"] as const;
const SINGLE = ["bool", "int", "string", "version"] as const;
const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;

/** A taint counts from when it was first seen. */
const withTimes = (object: AnyObject, now: number): AnyObject =>
  mapField(object as unknown as ResourceSlice, "spec", (spec) =>
    mapField(spec, "devices", (devices) =>
      mapAll(devices ?? [], (device) => mapField(device, "taints", (taints) => mapAll(taints ?? [], (one) => (one.timeAdded === undefined ? { ...one, timeAdded: timestamp(now) } : one)))),
    ),
  ) as unknown as AnyObject;

/** KEP-5517 (amounts that count for the node, too) and KEP-5491 (lists as attributes) are not switched on. */
const withoutDisabled = (object: AnyObject): AnyObject =>
  mapField(object as unknown as ResourceSlice, "spec", (spec) => mapField(spec, "devices", (devices) => mapAll(devices ?? [], enabledOnly))) as unknown as AnyObject;

function enabledOnly(device: Device): Device {
  const kept = device.nodeAllocatableResourceMappings === undefined ? device : without(device, "nodeAllocatableResourceMappings");
  return mapField(kept, "attributes", (attributes) =>
    Object.values(attributes).some((value) => LISTS.some((list) => value[list] !== undefined)) ? Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, without(value, ...LISTS)])) : attributes,
  );
}

export const resourceSliceHooks: KindHooks = {
  prepareForCreate: (object, { now }) => withTimes(withoutDisabled(object), now),
  prepareForUpdate: (object, _old, { now }) => withTimes(withoutDisabled(object), now),
  validate: checking<ResourceSlice>((errors, { spec }) => validate(errors, spec)),
  validateUpdate: checkingUpdate<ResourceSlice>((errors, { spec }, old) => validate(errors, spec, old.spec)),
  selectableFields: {
    "spec.driver": (object) => (object as unknown as ResourceSlice).spec.driver,
    "spec.nodeName": (object) => (object as unknown as ResourceSlice).spec.nodeName ?? "",
  },
  columns: [
    nameColumn,
    column("Node", ({ spec }) => spec.nodeName ?? (spec.allNodes === true ? "<all>" : "")),
    column("Driver", ({ spec }) => spec.driver),
    column("Pool", ({ spec }) => spec.pool.name),
    ageColumn,
  ],
};

function validate(errors: Errors, spec: ResourceSliceSpec, old?: ResourceSliceSpec): void {
  const { driver, pool, devices = [], sharedCounters = [] } = spec;
  csiDriverName(errors, "spec.driver", driver);
  poolName(errors, "spec.pool.name", pool?.name ?? "");
  const { resourceSliceCount = 0, generation = 0 } = pool ?? {};
  if (resourceSliceCount <= 0) invalid(errors, "spec.pool.resourceSliceCount", resourceSliceCount, "must be greater than zero");
  if (generation < 0) invalid(errors, "spec.pool.generation", generation, "must be greater than or equal to zero");
  if (old !== undefined) {
    immutable(errors, "spec.pool.name", pool?.name ?? "", old.pool.name);
    immutable(errors, "spec.driver", driver ?? "", old.driver);
    immutable(errors, "spec.nodeName", spec.nodeName, old.nodeName);
  }
  nodes(errors, "spec", spec);
  if (sharedCounters.length > 0 && devices.length > 0) invalid(errors, "spec", "", "only one of `sharedCounters` or `devices` is allowed");
  const advanced = devices.some(({ taints = [], consumesCounters = [] }) => taints.length > 0 || consumesCounters.length > 0);
  const most = advanced ? LIMITS.devicesWithTaintsOrCounters : LIMITS.devices;
  setOf(errors, "spec.devices", devices, most, (found, at, device) => validateDevice(found, at, device, spec.perDeviceNodeSelection === true), ({ name }) => name);
  setOf(errors, "spec.sharedCounters", sharedCounters, LIMITS.counterSets, counterSet, ({ name }) => name);
}

type OnNodes = Pick<ResourceSliceSpec, (typeof NODES)[number]>;

/** Exactly one way to say where the devices can be used. */
function nodes(errors: Errors, at: string, spec: OnNodes): void {
  const { nodeSelector } = spec;
  const set = namedNodes(errors, at, spec, "must be either unset or set to a non-empty string");
  const terms = nodeSelector?.nodeSelectorTerms ?? [];
  if (nodeSelector !== undefined && terms.length !== 1) invalid(errors, `${at}.nodeSelector.nodeSelectorTerms`, terms.length === 0 ? null : internalForm("NodeSelector", nodeSelector)["NodeSelectorTerms"], "must have exactly one node selector term");
  for (const flag of ["allNodes", "perDeviceNodeSelection"] as const) {
    if (spec[flag] === undefined) continue;
    if (spec[flag]) set.push(`\`${flag}\``);
    else invalid(errors, `${at}.${flag}`, false, "must be either unset or set to true");
  }
  const exactlyOne = `exactly one of ${NODES.map((way) => `\`${way}\``).join(", ")} is required`;
  if (set.length === 0) required(errors, at, exactlyOne);
  else if (set.length > 1) invalid(errors, at, `{${set.join(", ")}}`, `${exactlyOne}, but multiple fields are set`);
}

/** @returns which of the two ways to name nodes are used */
function namedNodes(errors: Errors, at: string, { nodeName, nodeSelector }: Pick<OnNodes, "nodeName" | "nodeSelector">, empty: string): string[] {
  const set: string[] = [];
  if (nodeName === "") invalid(errors, `${at}.nodeName`, "", empty);
  else if (nodeName !== undefined) {
    set.push("`nodeName`");
    check(errors, `${at}.nodeName`, nodeName, dns1123Subdomain);
  }
  if (nodeSelector !== undefined) {
    set.push("`nodeSelector`");
    validateNodeSelector(errors, `${at}.nodeSelector`, nodeSelector);
  }
  return set;
}

function validateDevice(errors: Errors, at: string, device: Device, perDevice: boolean): void {
  const { name = "", attributes = {}, capacity = {}, taints = [], consumesCounters = [] } = device;
  check(errors, `${at}.name`, name, dns1123Label);
  const count = Object.keys(attributes).length + Object.keys(capacity).length;
  if (count > LIMITS.attributes) invalid(errors, at, count, `the total number of attributes and capacities must not exceed ${LIMITS.attributes}`);
  for (const [key, value] of Object.entries(attributes)) {
    deviceQualifiedName(errors, `${at}.attributes`, key);
    attribute(errors, `${at}.attributes[${key}]`, value);
  }
  for (const [key, amount] of sortedEntries(capacity)) {
    deviceQualifiedName(errors, `${at}.capacity`, key);
    if (device.allowMultipleAllocations !== true && amount.requestPolicy !== undefined) forbidden(errors, `${at}.capacity[${key}].requestPolicy`, "allowMultipleAllocations must be true");
  }
  eachOf(errors, `${at}.taints`, taints, LIMITS.taints, taint);
  setOf(errors, `${at}.consumesCounters`, consumesCounters, LIMITS.counterSets, consumption, ({ counterSet: set }) => set);
  if (perDevice) ownNodes(errors, at, device);
  else if (device.nodeName !== undefined || device.nodeSelector !== undefined || device.allNodes !== undefined) {
    invalid(errors, at, null, `\`nodeName\`, \`nodeSelector\` and \`allNodes\` can only be set if ${PER_DEVICE}`);
  }
  bindingConditions(errors, at, device.bindingConditions, device.bindingFailureConditions);
}

const PER_DEVICE = "`perDeviceNodeSelection` is set to true in the ResourceSlice spec";

/** Where each device says for itself on which nodes it is. */
function ownNodes(errors: Errors, at: string, device: Device): void {
  const { allNodes } = device;
  const set = namedNodes(errors, at, device, "must not be empty");
  if (allNodes === true) set.push("`allNodes`");
  else if (allNodes === false) invalid(errors, `${at}.allNodes`, false, "must be either unset or set to true");
  const exactlyOne = `exactly one of \`nodeName\`, \`nodeSelector\`, or \`allNodes\` is required when ${PER_DEVICE}`;
  if (set.length === 0) required(errors, at, exactlyOne);
  else if (set.length > 1) invalid(errors, at, `{${set.join(", ")}}`, exactlyOne);
}

function attribute(errors: Errors, at: string, value: DeviceAttribute): void {
  const set = SINGLE.filter((field) => value[field] !== undefined);
  if (value.string !== undefined && value.string.length > TEXT_LENGTH) tooLong(errors, `${at}.string`, TEXT_LENGTH);
  if (value.version !== undefined) {
    if (!SEMVER.test(value.version)) invalid(errors, `${at}.version`, value.version, "must be a string compatible with semver.org spec 2.0.0");
    if (value.version.length > TEXT_LENGTH) tooLong(errors, `${at}.version`, TEXT_LENGTH);
  }
  if (set.length === 0) invalid(errors, at, "", "exactly one value must be specified");
  else if (set.length > 1) invalid(errors, at, internalForm("DeviceAttribute", value), "exactly one value must be specified");
}

function consumption(errors: Errors, at: string, { counterSet: set, counters = {} }: DeviceCounterConsumption): void {
  checkRequired(errors, `${at}.counterSet`, set, dns1123Label);
  if (Object.keys(counters).length === 0) required(errors, `${at}.counters`);
  for (const key of Object.keys(counters)) check(errors, `${at}.counters`, key, dns1123Label);
}

function counterSet(errors: Errors, at: string, { name, counters = {} }: CounterSet): void {
  checkRequired(errors, `${at}.name`, name, dns1123Label);
  if (Object.keys(counters).length === 0) required(errors, `${at}.counters`);
  for (const key of Object.keys(counters)) check(errors, `${at}.counters`, key, dns1123Label);
}

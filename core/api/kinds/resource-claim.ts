/** ResourceClaims and their templates: devices that a pod asks for. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type {
  DeviceClaim, DeviceClaimConfiguration, DeviceConstraint, DeviceRequest, DeviceSubRequest, ExactDeviceRequest, ResourceClaimSpec, ResourceClaimTemplate, ResourceV1ResourceClaim as ResourceClaim,
} from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapAll, mapField } from "./fill.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { requestNamesOf, requestReferences, validateClaimStatus } from "./validate/claim-status.ts";
import { configuration, deviceClass, eachOf, fullyQualifiedAttribute, LIMITS, requestName, selector, setOf, toleration } from "./validate/device-rules.ts";
import { type Errors, invalid, isEmpty, notSupported, required } from "./validate/errors.ts";
import { internalForm } from "./validate/internal-form.ts";
import { templateMetadata } from "./validate/volume-sources.ts";

const column = columnsOf<ResourceClaim>();
const MODES = ["All", "ExactCount"];

type Asked = Omit<ExactDeviceRequest, "adminAccess">;

const withMode = <T extends Asked>(request: T): T => {
  const mode = isEmpty(request.allocationMode) ? "ExactCount" : request.allocationMode;
  const counted = mode === "ExactCount" && (request.count ?? 0) === 0 ? { ...request, allocationMode: mode, count: 1 } : { ...request, allocationMode: mode };
  return mapField(counted, "tolerations", (list) => mapAll(list ?? [], (one) => fill(one, { operator: "Equal" })));
};

const withRequest = (request: DeviceRequest): DeviceRequest =>
  mapField(mapField(request, "exactly", withMode<ExactDeviceRequest>), "firstAvailable", (list) => mapAll(list, withMode<DeviceSubRequest>));

const defaultClaim = (spec: ResourceClaimSpec): ResourceClaimSpec =>
  mapField(spec, "devices", (devices) => mapField(devices, "requests", (requests) => (requests === null ? requests : mapAll(requests, withRequest))));

export const resourceClaimHooks: KindHooks = {
  generation: "none",
  setDefaults: (object) => mapField(object as unknown as ResourceClaim, "spec", defaultClaim) as unknown as AnyObject,
  prepareForCreate: (object) => ({ ...object, status: {} }),
  validate: checking<ResourceClaim>((errors, { spec }) => validateClaim(errors, "spec", spec ?? {})),
  // what cannot change need not be checked again
  validateUpdate: checkingUpdate<ResourceClaim>((errors, { spec }, old) => immutable(errors, "spec", spec, old.spec, internalForm("ResourceClaimSpec", spec ?? {}))),
  validateSubresource: { status: checkingUpdate<ResourceClaim>(validateClaimStatus) },
  columns: [nameColumn, column("State", stateText), ageColumn],
};

export const resourceClaimTemplateHooks: KindHooks = {
  generation: "none",
  setDefaults: (object) => mapField(object as unknown as ResourceClaimTemplate, "spec", (template) => mapField(template, "spec", defaultClaim)) as unknown as AnyObject,
  validate: checking<ResourceClaimTemplate>(validateTemplate),
  validateUpdate: checkingUpdate<ResourceClaimTemplate>((errors, object, old) => {
    validateTemplate(errors, object);
    immutable(errors, "spec", object.spec, old.spec, internalForm("ResourceClaimTemplateSpec", object.spec));
  }),
  columns: [nameColumn, ageColumn],
};

function stateText({ metadata, status }: ResourceClaim): string {
  const words = metadata.deletionTimestamp === undefined ? [] : ["deleted"];
  if (status?.allocation !== undefined) words.push("allocated");
  else if (metadata.deletionTimestamp === undefined) words.push("pending");
  if (status?.allocation !== undefined && (status.reservedFor ?? []).length > 0) words.push("reserved");
  return words.join(",");
}

function validateTemplate(errors: Errors, { spec }: ResourceClaimTemplate): void {
  templateMetadata(errors, "spec.metadata", spec.metadata ?? {});
  validateClaim(errors, "spec.spec", spec.spec ?? {});
}

function validateClaim(errors: Errors, at: string, spec: ResourceClaimSpec): void {
  const devices: DeviceClaim = spec.devices ?? {};
  const known = requestNamesOf(devices);
  setOf(errors, `${at}.devices.requests`, devices.requests ?? [], LIMITS.requests, validateRequest, ({ name }) => name);
  eachOf(errors, `${at}.devices.constraints`, devices.constraints ?? [], LIMITS.constraints, (found, path, one) => constraint(found, path, one, known));
  eachOf(errors, `${at}.devices.config`, devices.config ?? [], LIMITS.configurations, (found, path, one) => claimConfiguration(found, path, one, known));
}

function validateRequest(errors: Errors, at: string, { name = "", exactly, firstAvailable = [] }: DeviceRequest): void {
  requestName(errors, `${at}.name`, name);
  const exactlyOne = "exactly one of `exactly` or `firstAvailable` is required";
  if (exactly === undefined && firstAvailable.length === 0) required(errors, at, exactlyOne);
  else if (exactly !== undefined && firstAvailable.length > 0) invalid(errors, at, undefined, `${exactlyOne}, but multiple fields are set`);
  else if (exactly !== undefined) asked(errors, `${at}.exactly`, exactly);
  else setOf(errors, `${at}.firstAvailable`, firstAvailable, LIMITS.alternatives, alternative, (one) => one.name);
}

function alternative(errors: Errors, at: string, request: DeviceSubRequest): void {
  requestName(errors, `${at}.name`, request.name ?? "");
  asked(errors, at, request);
}

function asked(errors: Errors, at: string, { deviceClassName, selectors = [], allocationMode = "" as "All", count = 0, tolerations = [] }: Asked): void {
  deviceClass(errors, `${at}.deviceClassName`, deviceClassName);
  eachOf(errors, `${at}.selectors`, selectors, LIMITS.selectors, selector);
  if (!MODES.includes(allocationMode)) notSupported(errors, `${at}.allocationMode`, allocationMode, MODES);
  else if (allocationMode === "All") {
    if (count !== 0) invalid(errors, `${at}.count`, count, "must not be specified when allocationMode is 'All'");
  } else if (count <= 0) invalid(errors, `${at}.count`, count, "must be greater than zero");
  tolerations.forEach((one, index) => toleration(errors, `${at}.tolerations[${index}]`, one));
}

function constraint(errors: Errors, at: string, { requests = [], matchAttribute, distinctAttribute }: DeviceConstraint, known: ReadonlySet<string>): void {
  requestReferences(errors, `${at}.requests`, requests, known);
  if (matchAttribute !== undefined) fullyQualifiedAttribute(errors, `${at}.matchAttribute`, matchAttribute);
  else if (distinctAttribute !== undefined) fullyQualifiedAttribute(errors, `${at}.distinctAttribute`, distinctAttribute);
  else required(errors, at, 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set');
}

function claimConfiguration(errors: Errors, at: string, { requests = [], opaque }: DeviceClaimConfiguration, known: ReadonlySet<string>): void {
  requestReferences(errors, `${at}.requests`, requests, known);
  configuration(errors, at, opaque);
}

/** ResourceClaims and their templates: devices that a pod asks for. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type {
  DeviceClaim, DeviceClaimConfiguration, DeviceConstraint, DeviceRequest, DeviceSubRequest, ExactDeviceRequest, ResourceClaimSpec, ResourceClaimTemplate, ResourceV1ResourceClaim as ResourceClaim,
} from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapAll, mapField } from "./fill.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { configuration, deviceClass, eachOf, fullyQualifiedAttribute, LIMITS, requestName, selector, setOf, toleration } from "./validate/device-rules.ts";
import { type Errors, duplicate, forbidden, invalid, isEmpty, notSupported, required, tooMany } from "./validate/errors.ts";
import { internalForm } from "./validate/internal-form.ts";
import { validateAnnotations, validateLabels } from "./validate/labels.ts";
import { same } from "./validate/same.ts";

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
  validateUpdate: checkingUpdate<ResourceClaim>((errors, { spec }, old) => {
    immutable(errors, "spec", spec, old.spec, internalForm("ResourceClaimSpec", spec ?? {}));
    validateClaim(errors, "spec", spec ?? {});
  }),
  validateSubresource: { status: checkingUpdate<ResourceClaim>(validateStatus) },
  columns: [nameColumn, column("State", stateText), ageColumn],
};

export const resourceClaimTemplateHooks: KindHooks = {
  generation: "none",
  setDefaults: (object) => mapField(object as unknown as ResourceClaimTemplate, "spec", (template) => mapField(template, "spec", defaultClaim)) as unknown as AnyObject,
  validate: checking<ResourceClaimTemplate>(validateTemplate),
  validateUpdate: checkingUpdate<ResourceClaimTemplate>((errors, object, old) => {
    immutable(errors, "spec", object.spec, old.spec, internalForm("ResourceClaimTemplateSpec", object.spec));
    validateTemplate(errors, object);
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
  validateAnnotations(errors, "spec.metadata.annotations", spec.metadata?.annotations);
  validateLabels(errors, "spec.metadata.labels", spec.metadata?.labels);
  validateClaim(errors, "spec.spec", spec.spec ?? {});
}

function validateClaim(errors: Errors, at: string, spec: ResourceClaimSpec): void {
  const devices: DeviceClaim = spec.devices ?? {};
  const known = namesOf(devices);
  setOf(errors, `${at}.devices.requests`, devices.requests ?? [], LIMITS.requests, validateRequest, ({ name }) => name);
  eachOf(errors, `${at}.devices.constraints`, devices.constraints ?? [], LIMITS.constraints, (found, path, one) => constraint(found, path, one, known));
  eachOf(errors, `${at}.devices.config`, devices.config ?? [], LIMITS.configurations, (found, path, one) => claimConfiguration(found, path, one, known));
}

/** Requests, and their alternatives as "request/alternative". */
function namesOf({ requests }: DeviceClaim): ReadonlySet<string> {
  return new Set((requests ?? []).flatMap(({ name, firstAvailable = [] }) => [name, ...firstAvailable.map((one) => `${name}/${one.name}`)]));
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
  references(errors, `${at}.requests`, requests, known);
  if (matchAttribute !== undefined) fullyQualifiedAttribute(errors, `${at}.matchAttribute`, matchAttribute);
  else if (distinctAttribute !== undefined) fullyQualifiedAttribute(errors, `${at}.distinctAttribute`, distinctAttribute);
  else required(errors, `${at}.matchAttribute`);
}

function claimConfiguration(errors: Errors, at: string, { requests = [], opaque }: DeviceClaimConfiguration, known: ReadonlySet<string>): void {
  references(errors, `${at}.requests`, requests, known);
  configuration(errors, at, opaque);
}

function references(errors: Errors, at: string, names: readonly string[], known: ReadonlySet<string>): void {
  const unknown = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  setOf(
    errors,
    at,
    names,
    LIMITS.requests,
    (found, path, name) => {
      const segments = name.split("/");
      if (segments.length > 2) return invalid(found, path, name, unknown);
      for (const segment of segments) requestName(found, path, segment);
      if (!known.has(name)) invalid(found, path, name, unknown);
    },
    (name) => name,
  );
}

function validateStatus(errors: Errors, claim: ResourceClaim, old: ResourceClaim): void {
  const { reservedFor = [], allocation } = claim.status ?? {};
  const at = "status.reservedFor";
  if (reservedFor.length > LIMITS.reservedFor) tooMany(errors, at, reservedFor.length, LIMITS.reservedFor);
  const seen = new Set<string>();
  reservedFor.forEach(({ resource, name, uid }, index) => {
    for (const [field, value] of Object.entries({ resource, name, uid })) if (isEmpty(value)) required(errors, `${at}[${index}].${field}`);
    if (seen.has(uid)) duplicate(errors, `${at}[${index}]`, uid);
    seen.add(uid);
  });
  if (reservedFor.length > 0) {
    const before = new Set((old.status?.reservedFor ?? []).map(({ uid }) => uid));
    if (allocation === undefined) forbidden(errors, at, "may not be specified when `allocated` is not set");
    else if (claim.metadata.deletionTimestamp !== undefined && reservedFor.some(({ uid }) => !before.has(uid))) {
      forbidden(errors, at, "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set");
    }
  }
  if (allocation !== undefined && old.status?.allocation !== undefined && !same(allocation, old.status.allocation)) {
    invalid(errors, "status.allocation", internalForm("AllocationResult", allocation), "field is immutable");
  }
}


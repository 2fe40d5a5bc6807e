/** What was decided for a claim: devices, who may use them, and what drivers say about them (KEP-4381, KEP-4817). */
import type { AllocatedDeviceStatus, AllocationResult, DeviceClaim, DeviceRequestAllocationResult, ResourceV1ResourceClaim as ResourceClaim } from "../../types.gen.ts";
import { dns1123Label } from "../../names.ts";
import { interfaceAddress } from "./addresses.ts";
import { validateNodeSelector } from "./affinity.ts";
import { validateConditions } from "./conditions.ts";
import { bindingConditions, configuration, eachOf, LIMITS, poolName, rawObject, requestName, setOf } from "./device-rules.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, oneOf, required, tooLong, tooMany } from "./errors.ts";
import { internalForm } from "./internal-form.ts";
import { same } from "./same.ts";
import { csiDriverName } from "./volume-sources.ts";

const RESULTS = 32;
const CONDITIONS = 8;
const ADDRESSES = 16;
const INTERFACE_BYTES = 256;
const HARDWARE_BYTES = 128;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Requests, and their alternatives as "request/alternative". */
export function requestNamesOf({ requests }: DeviceClaim): ReadonlySet<string> {
  return new Set((requests ?? []).flatMap(({ name, firstAvailable = [] }) => [name, ...firstAvailable.map((one) => `${name}/${one.name}`)]));
}

export function requestReferences(errors: Errors, at: string, names: readonly string[], known: ReadonlySet<string>): void {
  setOf(errors, at, names, LIMITS.requests, (found, path, name) => requestReference(found, path, name, known), (name) => name);
}

function requestReference(errors: Errors, at: string, name: string, known: ReadonlySet<string>): void {
  const unknown = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  const segments = name.split("/");
  if (segments.length > 2) return invalid(errors, at, name, unknown);
  for (const segment of segments) requestName(errors, at, segment);
  if (!known.has(name)) invalid(errors, at, name, unknown);
}

export function validateClaimStatus(errors: Errors, claim: ResourceClaim, old: ResourceClaim): void {
  const { reservedFor = [], allocation, devices = [] } = claim.status ?? {};
  const at = "status.reservedFor";
  setOf(errors, at, reservedFor, LIMITS.reservedFor, consumer, ({ uid }) => uid ?? "");
  const allocated = new Set((allocation?.devices?.results ?? []).map(deviceId));
  devices.forEach((device, index) => deviceStatus(errors, `status.devices[${index}]`, device, allocated));
  const seen = new Set<string>();
  devices.forEach((device, index) => {
    const id = deviceId(device);
    if (seen.has(id)) duplicate(errors, `status.devices[${index}]`, shownId(device));
    seen.add(id);
  });
  if (reservedFor.length > 0) {
    const before = new Set((old.status?.reservedFor ?? []).map(({ uid }) => uid));
    if (allocation === undefined) forbidden(errors, at, "may not be specified when `allocated` is not set");
    else if (claim.metadata.deletionTimestamp !== undefined && reservedFor.some(({ uid }) => !before.has(uid))) {
      forbidden(errors, at, "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set");
    }
  }
  if (allocation === undefined) return;
  if (old.status?.allocation === undefined) validateAllocation(errors, "status.allocation", allocation, requestNamesOf(claim.spec?.devices ?? {}));
  else if (!same(allocation, old.status.allocation)) invalid(errors, "status.allocation", internalForm("AllocationResult", allocation), "field is immutable");
}

function consumer(errors: Errors, at: string, { resource, name, uid }: { readonly resource?: string; readonly name?: string; readonly uid?: string }): void {
  for (const [field, value] of Object.entries({ resource, name, uid })) if (isEmpty(value)) required(errors, `${at}.${field}`);
}

function validateAllocation(errors: Errors, at: string, { devices, nodeSelector }: AllocationResult, known: ReadonlySet<string>): void {
  eachOf(errors, `${at}.devices.results`, devices?.results ?? [], RESULTS, (found, path, result) => allocationResult(found, path, result, known));
  eachOf(errors, `${at}.devices.config`, devices?.config ?? [], 2 * LIMITS.configurations, (found, path, { source, requests = [], opaque }) => {
    if (isEmpty(source)) required(found, `${path}.source`);
    else oneOf(found, `${path}.source`, source, ["FromClaim", "FromClass"]);
    requestReferences(found, `${path}.requests`, requests, known);
    configuration(found, path, opaque);
  });
  if (nodeSelector !== undefined) validateNodeSelector(errors, `${at}.nodeSelector`, nodeSelector);
}

function allocationResult(errors: Errors, at: string, result: DeviceRequestAllocationResult, known: ReadonlySet<string>): void {
  requestReference(errors, `${at}.request`, result.request ?? "", known);
  deviceNames(errors, at, result);
  bindingConditions(errors, at, result.bindingConditions, result.bindingFailureConditions);
  shareId(errors, at, result.shareID);
}

type Named = Pick<AllocatedDeviceStatus, "driver" | "pool" | "device" | "shareID">;

function deviceNames(errors: Errors, at: string, { driver, pool = "", device = "" }: Named): void {
  csiDriverName(errors, `${at}.driver`, driver);
  poolName(errors, `${at}.pool`, pool);
  check(errors, `${at}.device`, device, dns1123Label);
}

function shareId(errors: Errors, at: string, id: string | undefined): void {
  if (id === undefined || UUID.test(id)) return;
  const isUuid = UUID.test(id.toLowerCase());
  const normalized = "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters";
  invalid(errors, `${at}.shareID`, id, isUuid ? normalized : `error validating uid: invalid UUID length: ${Buffer.byteLength(id)}`);
}

const deviceId = ({ driver = "", pool = "", device = "", shareID }: Partial<Named>) => JSON.stringify([driver, pool, device, shareID ?? ""]);
const shownId = ({ driver = "", pool = "", device = "", shareID = "" }: Partial<Named>) => ({ Driver: driver, Pool: pool, Device: device, ShareID: shareID });

function deviceStatus(errors: Errors, at: string, device: AllocatedDeviceStatus, allocated: ReadonlySet<string>): void {
  const { data, networkData } = device;
  const conditions = device.conditions ?? [];
  deviceNames(errors, at, device);
  shareId(errors, at, device.shareID);
  if (!allocated.has(deviceId(device))) invalid(errors, at, shownId(device), "must be an allocated device in the claim");
  if (conditions.length > CONDITIONS) tooMany(errors, `${at}.conditions`, conditions.length, CONDITIONS);
  validateConditions(errors, `${at}.conditions`, conditions);
  if (data !== undefined) rawObject(errors, `${at}.data`, data);
  if (networkData === undefined) return;
  const { interfaceName = "", hardwareAddress = "", ips = [] } = networkData;
  if (Buffer.byteLength(interfaceName) > INTERFACE_BYTES) tooLong(errors, `${at}.networkData.interfaceName`, INTERFACE_BYTES);
  if (Buffer.byteLength(hardwareAddress) > HARDWARE_BYTES) tooLong(errors, `${at}.networkData.hardwareAddress`, HARDWARE_BYTES);
  setOf(errors, `${at}.networkData.ips`, ips, ADDRESSES, (found, path, address) => check(found, path, address, interfaceAddress), (address) => address);
}

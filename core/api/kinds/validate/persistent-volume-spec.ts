/** The specification of a volume that outlives its pods, also where an attachment carries one. */
import { dns1123Subdomain } from "../../names.ts";
import { wholeValue } from "../../quantity.ts";
import type { PersistentVolumeSpec } from "../../types.gen.ts";
import { validateNodeSelector } from "./affinity.ts";
import { type Errors, check, forbidden, invalid, isEmpty, notSupported, oneOf, required, sortedEntries, sortedMap } from "./errors.ts";
import { sourceRulesOfVolumes } from "./persistent-volume-sources.ts";
import { amountOf } from "./quantity-rules.ts";

const ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const RECLAIM_POLICIES = ["Delete", "Recycle", "Retain"];
const VOLUME_MODES = ["Block", "Filesystem"];

/** `inline`: inside a VolumeAttachment, where only the source and how it is mounted count. */
export function validateVolumeSpec(errors: Errors, at: string, spec: PersistentVolumeSpec, inline: boolean): void {
  if (inline) notInline(errors, at, spec);
  accessModes(errors, at, spec.accessModes ?? []);
  if (!inline) capacity(errors, `${at}.capacity`, spec.capacity ?? {});
  const { persistentVolumeReclaimPolicy: policy, storageClassName, volumeMode, volumeAttributesClassName, nodeAffinity } = spec;
  const notInside = (field: string) => forbidden(errors, `${at}.${field}`, "may not be specified in the context of inline volumes");
  if (inline && !isEmpty(policy) && policy !== "Retain") forbidden(errors, `${at}.persistentVolumeReclaimPolicy`, "may only be Retain in the context of inline volumes");
  if (!inline && !isEmpty(policy)) oneOf(errors, `${at}.persistentVolumeReclaimPolicy`, policy, RECLAIM_POLICIES);
  if (nodeAffinity !== undefined) {
    if (inline) notInside("nodeAffinity");
    else if (nodeAffinity.required === undefined) required(errors, `${at}.nodeAffinity.required`, "must specify required node constraints");
    else validateNodeSelector(errors, `${at}.nodeAffinity.required`, nodeAffinity.required);
  }
  sources(errors, at, spec, inline);
  if (spec.hostPath !== undefined && /^\/+$/.test(spec.hostPath.path ?? "") && policy === "Recycle") {
    forbidden(errors, `${at}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'");
  }
  if (inline && !isEmpty(storageClassName)) notInside("storageClassName");
  else if (!isEmpty(storageClassName)) check(errors, `${at}.storageClassName`, storageClassName ?? "", dns1123Subdomain);
  if (inline && volumeMode !== undefined && volumeMode !== "Filesystem") forbidden(errors, `${at}.volumeMode`, "may not specify volumeMode other than Filesystem in the context of inline volumes");
  else if (!inline && volumeMode !== undefined) oneOf(errors, `${at}.volumeMode`, volumeMode, VOLUME_MODES);
  if (volumeAttributesClassName === undefined) return;
  if (volumeAttributesClassName === "") required(errors, `${at}.volumeAttributesClassName`, "an empty string is disallowed");
  else check(errors, `${at}.volumeAttributesClassName`, volumeAttributesClassName, dns1123Subdomain);
  if (spec.csi === undefined) required(errors, `${at}.csi`, "has to be specified when using volumeAttributesClassName");
}

function notInline(errors: Errors, at: string, spec: PersistentVolumeSpec): void {
  for (const field of ["claimRef", "capacity", "csi"] as const) {
    if (field === "csi" ? spec.csi === undefined : Object.keys(spec[field] ?? {}).length > 0 || (field === "claimRef" && spec.claimRef !== undefined)) {
      if (field === "csi") required(errors, `${at}.csi`, "has to be specified in the context of inline volumes");
      else forbidden(errors, `${at}.${field}`, "may not be specified in the context of inline volumes");
    }
  }
}

function accessModes(errors: Errors, at: string, modes: readonly string[]): void {
  if (modes.length === 0) required(errors, `${at}.accessModes`);
  for (const mode of modes) if (!ACCESS_MODES.includes(mode)) notSupported(errors, `${at}.accessModes`, mode, ACCESS_MODES);
  if (modes.includes("ReadWriteOncePod") && modes.some((mode) => mode !== "ReadWriteOncePod" && ACCESS_MODES.includes(mode))) {
    forbidden(errors, `${at}.accessModes`, "may not use ReadWriteOncePod with other access modes");
  }
}

function capacity(errors: Errors, at: string, amounts: { readonly [resource: string]: string }): void {
  const entries = Object.entries(amounts);
  if (entries.length === 0) required(errors, at);
  if (!Object.hasOwn(amounts, "storage") || entries.length > 1) notSupported(errors, at, entries.length === 0 ? null : sortedMap(amounts), ["storage"]);
  for (const [resource, text] of sortedEntries(amounts)) {
    const amount = amountOf(text);
    if (amount.nanos < 0n) invalid(errors, `${at}[${resource}]`, wholeValue(amount), "must be a valid resource quantity");
    if (amount.nanos <= 0n) invalid(errors, `${at}[${resource}]`, text, "must be greater than zero");
  }
}

function sources(errors: Errors, at: string, spec: PersistentVolumeSpec, inline: boolean): void {
  let count = 0;
  for (const [field, rule] of sourceRulesOfVolumes) {
    const source = spec[field];
    if (source === undefined || source === null) continue;
    if (count > 0 && field !== "flexVolume") forbidden(errors, `${at}.${field === "cephfs" ? "cephFS" : field}`, "may not specify more than 1 volume type");
    else rule(errors, `${at}.${field === "gcePersistentDisk" ? "persistentDisk" : field}`, source as never);
    if (field === "local" && count === 0 && (inline || spec.nodeAffinity === undefined)) required(errors, `${at}.nodeAffinity`, "Local volume requires node affinity");
    count++;
  }
  if (count === 0) required(errors, at, "must specify a volume type");
}

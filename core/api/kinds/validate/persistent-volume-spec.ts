/** The specification of a volume that outlives its pods, also where an attachment carries one. */
import { dns1123Subdomain } from "../../names.ts";
import type { LocalVolumeSource, PersistentVolumeSpec } from "../../types.gen.ts";
import { validateNodeSelector } from "./affinity.ts";
import { type Errors, check, forbidden, invalid, isEmpty, notSupported, oneOf, required } from "./errors.ts";
import { amountOf } from "./quantity-rules.ts";
import { noDotDot } from "./text-rules.ts";
import { csiDriverName, sourceRules } from "./volume-sources.ts";

const ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const RECLAIM_POLICIES = ["Delete", "Recycle", "Retain"];
const VOLUME_MODES = ["Block", "Filesystem"];

type Rule = (errors: Errors, path: string, source: never) => void;
type Csi = NonNullable<PersistentVolumeSpec["csi"]>;

/** In the order in which Kubernetes looks for a second source. Those of pods that have no other fields here are shared. */
const rules: readonly (readonly [source: keyof PersistentVolumeSpec, rule: Rule])[] = [
  ["hostPath", sourceRules.hostPath],
  ["gcePersistentDisk", sourceRules.gcePersistentDisk],
  ["awsElasticBlockStore", sourceRules.awsElasticBlockStore],
  ["glusterfs", sourceRules.glusterfs],
  ["flocker", sourceRules.flocker],
  ["nfs", sourceRules.nfs],
  ["rbd", sourceRules.rbd],
  ["quobyte", sourceRules.quobyte],
  ["cephfs", sourceRules.cephfs],
  ["iscsi", sourceRules.iscsi],
  ["cinder", sourceRules.cinder],
  ["fc", sourceRules.fc],
  ["flexVolume", sourceRules.flexVolume],
  ["azureFile", sourceRules.azureFile],
  ["vsphereVolume", sourceRules.vsphereVolume],
  ["photonPersistentDisk", sourceRules.photonPersistentDisk],
  ["portworxVolume", sourceRules.portworxVolume],
  ["azureDisk", sourceRules.azureDisk],
  ["scaleIO", sourceRules.scaleIO],
  ["local", local],
  ["storageos", sourceRules.storageos],
  ["csi", csi],
];

export const volumeSources: readonly (keyof PersistentVolumeSpec)[] = rules.map(([source]) => source);

/** `inline`: inside a VolumeAttachment, where only the source and how it is mounted count. */
export function validateVolumeSpec(errors: Errors, at: string, spec: PersistentVolumeSpec, inline: boolean): void {
  if (inline) notInline(errors, at, spec);
  accessModes(errors, at, spec.accessModes ?? []);
  if (!inline) capacity(errors, `${at}.capacity`, spec.capacity ?? {});
  const { persistentVolumeReclaimPolicy: policy, storageClassName, volumeMode, volumeAttributesClassName, nodeAffinity } = spec;
  if (!inline && !isEmpty(policy)) oneOf(errors, `${at}.persistentVolumeReclaimPolicy`, policy, RECLAIM_POLICIES);
  if (nodeAffinity !== undefined) {
    if (nodeAffinity.required === undefined) required(errors, `${at}.nodeAffinity.required`, "must specify required node constraints");
    else validateNodeSelector(errors, `${at}.nodeAffinity.required`, nodeAffinity.required);
  }
  sources(errors, at, spec);
  if (spec.hostPath !== undefined && /^\/+$/.test(spec.hostPath.path ?? "") && policy === "Recycle") {
    forbidden(errors, `${at}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'");
  }
  if (!isEmpty(storageClassName)) check(errors, `${at}.storageClassName`, storageClassName ?? "", dns1123Subdomain);
  if (volumeMode !== undefined) oneOf(errors, `${at}.volumeMode`, volumeMode, VOLUME_MODES);
  if (volumeAttributesClassName === undefined) return;
  if (volumeAttributesClassName === "") required(errors, `${at}.volumeAttributesClassName`, "an empty string is disallowed");
  else check(errors, `${at}.volumeAttributesClassName`, volumeAttributesClassName, dns1123Subdomain);
  if (spec.csi === undefined) required(errors, `${at}.csi`, "has to be specified when using volumeAttributesClassName");
}

function notInline(errors: Errors, at: string, spec: PersistentVolumeSpec): void {
  for (const field of ["claimRef", "capacity", "csi"] as const) {
    if (field === "csi" ? spec.csi === undefined : spec[field] !== undefined) {
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
  if (!Object.hasOwn(amounts, "storage") || entries.length > 1) notSupported(errors, at, amounts, ["storage"]);
  for (const [resource, amount] of entries) if (amountOf(amount).nanos <= 0n) invalid(errors, `${at}[${resource}]`, amount, "must be greater than zero");
}

function sources(errors: Errors, at: string, spec: PersistentVolumeSpec): void {
  let count = 0;
  for (const [field, rule] of rules) {
    const source = spec[field];
    if (source === undefined || source === null) continue;
    if (count > 0 && field !== "flexVolume") forbidden(errors, `${at}.${field === "cephfs" ? "cephFS" : field}`, "may not specify more than 1 volume type");
    else rule(errors, `${at}.${field}`, source as never);
    if (field === "local" && count === 0 && spec.nodeAffinity === undefined) required(errors, `${at}.nodeAffinity`, "Local volume requires node affinity");
    count++;
  }
  if (count === 0) required(errors, at, "must specify a volume type");
}

function local(errors: Errors, at: string, { path }: LocalVolumeSource): void {
  if (isEmpty(path)) required(errors, `${at}.path`);
  else check(errors, `${at}.path`, path, noDotDot);
}

function csi(errors: Errors, at: string, source: Csi): void {
  csiDriverName(errors, `${at}.driver`, source.driver);
  if (isEmpty(source.volumeHandle)) required(errors, `${at}.volumeHandle`);
  for (const field of ["controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef"] as const) {
    const reference = source[field];
    if (reference === undefined) continue;
    if (isEmpty(reference.name)) required(errors, `${at}.${field}.name`);
    else check(errors, `${at}.${field}.name`, reference.name ?? "", dns1123Subdomain);
    if (isEmpty(reference.namespace)) required(errors, `${at}.${field}.namespace`);
    else check(errors, `${at}.${field}.namespace`, reference.namespace ?? "", dns1123Subdomain);
  }
}


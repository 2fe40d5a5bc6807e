/**
 * What each source of a volume needs. Most need texts to be there: a table says which. The order of the table is that in
 * which Kubernetes looks for a second source.
 */
import type { ObjectMeta } from "../../meta.ts";
import { dns1123Label, dns1123Subdomain } from "../../names.ts";
import type {
  AzureDiskVolumeSource, CSIVolumeSource, EmptyDirVolumeSource, EphemeralVolumeSource, FCVolumeSource, GitRepoVolumeSource, HostPathVolumeSource,
  ISCSIVolumeSource, ImageVolumeSource, NFSVolumeSource, PersistentVolumeClaimSpec, QuobyteVolumeSource, RBDVolumeSource, ScaleIOVolumeSource,
} from "../../types.gen.ts";
import { type Errors, check, checkRequired, forbidden, invalid, isEmpty, notSupported, oneOf, required } from "./errors.ts";
import { validateAnnotations, validateLabels } from "./labels.ts";
import { inRange } from "./numbers.ts";
import { validatePullPolicy } from "./pull-policy.ts";
import { validateClaimSpec } from "./claim-spec.ts";
import { amountOf } from "./quantity-rules.ts";
import { descendingPath, noDotDot } from "./text-rules.ts";

// each rule is called with the source of its own name
export type SourceRule = (errors: Errors, path: string, source: never) => void;

type Texts = { readonly [field: string]: unknown };

const needs =
  (...fields: readonly string[]) =>
  (errors: Errors, path: string, source: Texts): void => {
    for (const field of fields) if (isEmpty(source[field] as string | undefined)) required(errors, `${path}.${field}`);
  };

const HOST_PATH_TYPES = ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

export const sourceRules = {
  emptyDir(errors: Errors, path: string, { sizeLimit }: EmptyDirVolumeSource) {
    if (sizeLimit !== undefined && amountOf(sizeLimit).nanos < 0n) forbidden(errors, `${path}.sizeLimit`, "SizeLimit field must be a valid resource quantity");
  },
  hostPath(errors: Errors, path: string, { path: host, type }: HostPathVolumeSource) {
    if (isEmpty(host)) return required(errors, `${path}.path`);
    check(errors, `${path}.path`, host, noDotDot);
    if (type !== undefined && !HOST_PATH_TYPES.includes(type)) notSupported(errors, `${path}.type`, type, HOST_PATH_TYPES);
  },
  gitRepo(errors: Errors, path: string, { repository, directory }: GitRepoVolumeSource) {
    if (isEmpty(repository)) required(errors, `${path}.repository`);
    if (!isEmpty(directory)) check(errors, `${path}.directory`, directory ?? "", descendingPath);
  },
  gcePersistentDisk(errors: Errors, path: string, source: { readonly pdName: string; readonly partition?: number }) {
    needs("pdName")(errors, path, source);
    partition(errors, path, source.partition);
  },
  awsElasticBlockStore(errors: Errors, path: string, source: { readonly volumeID: string; readonly partition?: number }) {
    needs("volumeID")(errors, path, source);
    partition(errors, path, source.partition);
  },
  nfs(errors: Errors, path: string, { server, path: exported }: NFSVolumeSource) {
    if (isEmpty(server)) required(errors, `${path}.server`);
    if (isEmpty(exported)) required(errors, `${path}.path`);
    if (!(exported ?? "").startsWith("/")) invalid(errors, `${path}.path`, exported ?? "", "must be an absolute path");
  },
  iscsi,
  glusterfs: needs("endpoints", "path"),
  flocker(errors: Errors, path: string, { datasetName = "", datasetUUID = "" }: { readonly datasetName?: string; readonly datasetUUID?: string }) {
    if (datasetName === "" && datasetUUID === "") required(errors, path, "one of datasetName and datasetUUID is required");
    if (datasetName !== "" && datasetUUID !== "") invalid(errors, path, "resource", "datasetName and datasetUUID can not be specified simultaneously");
    if (datasetName.includes("/")) invalid(errors, `${path}.datasetName`, datasetName, "must not contain '/'");
  },
  persistentVolumeClaim: needs("claimName"),
  rbd(errors: Errors, path: string, { monitors, image }: RBDVolumeSource) {
    if ((monitors ?? []).length === 0) required(errors, `${path}.monitors`);
    if (isEmpty(image)) required(errors, `${path}.image`);
  },
  cinder(errors: Errors, path: string, source: { readonly volumeID: string; readonly secretRef?: { readonly name?: string } }) {
    needs("volumeID")(errors, path, source);
    if (source.secretRef !== undefined && isEmpty(source.secretRef.name)) required(errors, `${path}.secretRef.name`);
  },
  cephfs(errors: Errors, path: string, { monitors }: { readonly monitors: readonly string[] }) {
    if ((monitors ?? []).length === 0) required(errors, `${path}.monitors`);
  },
  quobyte(errors: Errors, path: string, { registry, volume, tenant = "" }: QuobyteVolumeSource) {
    if (isEmpty(registry)) required(errors, `${path}.registry`, "must be a host:port pair or multiple pairs separated by commas");
    else if (tenant.length >= 65) required(errors, `${path}.tenant`, "must be a UUID and may not exceed a length of 64 characters");
    else {
      for (const pair of registry.split(",")) if (!/^[^:[\]]*:[^:[\]]*$|^\[[^[\]]*\]:[^:[\]]*$/.test(pair)) invalid(errors, `${path}.registry`, registry, "must be a host:port pair or multiple pairs separated by commas");
    }
    if (isEmpty(volume)) required(errors, `${path}.volume`);
  },
  fc(errors: Errors, path: string, { targetWWNs = [], wwids = [], lun }: FCVolumeSource) {
    if (targetWWNs.length < 1 && wwids.length < 1) required(errors, `${path}.targetWWNs`, "must specify either targetWWNs or wwids, but not both");
    if (targetWWNs.length > 0 && wwids.length > 0) invalid(errors, `${path}.targetWWNs`, targetWWNs, "targetWWNs and wwids can not be specified simultaneously");
    if (targetWWNs.length === 0) return;
    if (lun === undefined) required(errors, `${path}.lun`, "lun is required if targetWWNs is specified");
    else if (lun < 0 || lun > 255) invalid(errors, `${path}.lun`, lun, inRange(0, 255));
  },
  flexVolume(errors: Errors, path: string, { driver, options }: { readonly driver: string; readonly options?: { readonly [key: string]: string } }) {
    if (isEmpty(driver)) required(errors, `${path}.driver`);
    for (const key of Object.keys(options ?? {})) {
      if (/^(?:[^/]*\.)?(?:kubernetes|k8s)\.io(?:\/|$)/i.test(key)) invalid(errors, `${path}.options[${key}]`, key, "kubernetes.io and k8s.io namespaces are reserved");
    }
  },
  azureFile: needs("secretName", "shareName"),
  vsphereVolume: needs("volumePath"),
  photonPersistentDisk: needs("pdID"),
  portworxVolume: needs("volumeID"),
  azureDisk(errors: Errors, path: string, { diskName, diskURI, cachingMode, kind }: AzureDiskVolumeSource) {
    needs("diskName", "diskURI")(errors, path, { diskName, diskURI });
    if (cachingMode !== undefined) oneOf(errors, `${path}.cachingMode`, cachingMode, ["None", "ReadOnly", "ReadWrite"]);
    if (kind === undefined) return;
    oneOf(errors, `${path}.kind`, kind, ["Dedicated", "Managed", "Shared"]);
    const uri = diskURI ?? "";
    if (kind !== "Managed" && !uri.startsWith("https://")) notSupported(errors, `${path}.diskURI`, uri, ["https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"]);
    if (kind === "Managed" && !uri.startsWith("/subscriptions/")) notSupported(errors, `${path}.diskURI`, uri, ["/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"]);
  },
  storageos(errors: Errors, path: string, source: { readonly volumeName?: string; readonly volumeNamespace?: string; readonly secretRef?: { readonly name?: string } }) {
    checkRequired(errors, `${path}.volumeName`, source.volumeName, dns1123Label);
    if (!isEmpty(source.volumeNamespace)) check(errors, `${path}.volumeNamespace`, source.volumeNamespace ?? "", dns1123Label);
    if (source.secretRef !== undefined && isEmpty(source.secretRef.name)) required(errors, `${path}.secretRef.name`);
  },
  scaleIO: (errors: Errors, path: string, source: ScaleIOVolumeSource) => needs("gateway", "system", "volumeName")(errors, path, { ...source }),
  csi(errors: Errors, path: string, { driver, nodePublishSecretRef }: CSIVolumeSource) {
    csiDriverName(errors, `${path}.driver`, driver);
    if (nodePublishSecretRef === undefined) return;
    if (isEmpty(nodePublishSecretRef.name)) required(errors, `${path}.nodePublishSecretRef.name`);
    else check(errors, `${path}.name`, nodePublishSecretRef.name ?? "", dns1123Subdomain);
  },
  ephemeral(errors: Errors, path: string, { volumeClaimTemplate }: EphemeralVolumeSource) {
    if (volumeClaimTemplate === undefined) return required(errors, `${path}.volumeClaimTemplate`);
    templateMetadata(errors, `${path}.volumeClaimTemplate.metadata`, volumeClaimTemplate.metadata ?? {});
    validateClaimSpec(errors, `${path}.volumeClaimTemplate.spec`, (volumeClaimTemplate.spec ?? {}) as PersistentVolumeClaimSpec);
  },
  image(errors: Errors, path: string, { pullPolicy }: ImageVolumeSource) {
    validatePullPolicy(errors, `${path}.pullPolicy`, pullPolicy);
  },
} as const;

/** Of the metadata of a template only labels and annotations come to the object. */
export function templateMetadata(errors: Errors, path: string, { annotations, labels, ...others }: ObjectMeta): void {
  validateAnnotations(errors, `${path}.annotations`, annotations);
  validateLabels(errors, `${path}.labels`, labels);
  for (const field of OTHERS) if (isSet(others[field])) forbidden(errors, `${path}.${field === "uid" ? "uID" : field}`, "cannot be set");
}

/** in the order in which Kubernetes names them */
const OTHERS = [
  "name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences", "finalizers", "managedFields",
] as const;
const isSet = (value: unknown): boolean => value !== undefined && value !== null && value !== "" && !(Array.isArray(value) && value.length === 0);

function partition(errors: Errors, path: string, value = 0): void {
  if (value < 0 || value > 255) invalid(errors, `${path}.partition`, value, inRange(1, 255));
}

const CSI_NAME_LENGTH = 63;

export function csiDriverName(errors: Errors, path: string, name: string | undefined): void {
  if (isEmpty(name)) return required(errors, path);
  const text = name ?? "";
  if (text.length > CSI_NAME_LENGTH) errors.push({ type: "FieldValueTooLong", field: path, message: `Too long: may not be more than ${CSI_NAME_LENGTH} bytes` });
  for (const wrong of dns1123Subdomain(text.toLowerCase())) invalid(errors, path, text, wrong);
}

function iscsi(errors: Errors, path: string, source: ISCSIVolumeSource): void {
  iscsiRules(errors, path, source, "must be valid format starting with iqn, eui, or naa");
}

/** `unknown`: of a name that begins like none */
export function iscsiRules(errors: Errors, path: string, source: ISCSIVolumeSource, unknown: string): void {
  const { targetPortal, iqn = "", lun = 0, chapAuthDiscovery, chapAuthSession, secretRef, initiatorName } = source;
  if (isEmpty(targetPortal)) required(errors, `${path}.targetPortal`);
  if (iqn === "") required(errors, `${path}.iqn`);
  else iscsiName(errors, `${path}.iqn`, iqn, unknown);
  if (lun < 0 || lun > 255) invalid(errors, `${path}.lun`, lun, inRange(0, 255));
  if ((chapAuthDiscovery === true || chapAuthSession === true) && secretRef === undefined) required(errors, `${path}.secretRef`);
  if (initiatorName !== undefined) iscsiName(errors, `${path}.initiatorname`, initiatorName, unknown);
}

const ISCSI_NAMES = [/^iqn\.\d{4}-\d{2}\.[a-z0-9]+([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*(:[^,;*&$|\s]+)?$/i, /^eui\.[0-9a-f]{16}$/i, /^naa\.[0-9a-f]{32}$/i];

function iscsiName(errors: Errors, path: string, name: string, unknown: string): void {
  if (!/^(?:iqn|eui|naa)/.test(name)) invalid(errors, path, name, unknown);
  else if (!ISCSI_NAMES.some((pattern) => pattern.test(name))) invalid(errors, path, name, "must be valid format");
}

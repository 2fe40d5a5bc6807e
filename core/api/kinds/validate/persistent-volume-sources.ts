/** What each source of a volume that outlives its pods needs: as in a pod, but secrets name their namespace. */
import { dns1123Label, dns1123Subdomain } from "../../names.ts";
import type { GlusterfsPersistentVolumeSource, ISCSIVolumeSource, LocalVolumeSource, PersistentVolumeSpec, ScaleIOVolumeSource } from "../../types.gen.ts";
import { type Errors, check, checkRequired, invalid, isEmpty, required } from "./errors.ts";
import { noDotDot } from "./text-rules.ts";
import { csiDriverName, iscsiRules, sourceRules } from "./volume-sources.ts";

type Rule = (errors: Errors, path: string, source: never) => void;
type Csi = NonNullable<PersistentVolumeSpec["csi"]>;
type Secretive = { readonly secretRef?: { readonly name?: string; readonly namespace?: string } };

/** `rule`, and a namespace beside the name of the secret. */
const withNamespace =
  <T extends Secretive>(rule: (errors: Errors, path: string, source: T) => void) =>
  (errors: Errors, path: string, source: T): void => {
    rule(errors, path, source);
    if (source.secretRef !== undefined && isEmpty(source.secretRef.namespace)) required(errors, `${path}.secretRef.namespace`);
  };

/** In the order in which Kubernetes looks for a second source. Those of pods that have no other fields here are shared. */
export const sourceRulesOfVolumes: readonly (readonly [source: keyof PersistentVolumeSpec, rule: Rule])[] = [
  ["hostPath", sourceRules.hostPath],
  ["gcePersistentDisk", sourceRules.gcePersistentDisk],
  ["awsElasticBlockStore", sourceRules.awsElasticBlockStore],
  ["glusterfs", glusterfs],
  ["flocker", sourceRules.flocker],
  ["nfs", sourceRules.nfs],
  ["rbd", sourceRules.rbd],
  ["quobyte", sourceRules.quobyte],
  ["cephfs", sourceRules.cephfs],
  ["iscsi", iscsi],
  ["cinder", withNamespace(sourceRules.cinder)],
  ["fc", sourceRules.fc],
  ["flexVolume", sourceRules.flexVolume],
  ["azureFile", azureFile],
  ["vsphereVolume", sourceRules.vsphereVolume],
  ["photonPersistentDisk", sourceRules.photonPersistentDisk],
  ["portworxVolume", sourceRules.portworxVolume],
  ["azureDisk", sourceRules.azureDisk],
  ["scaleIO", (errors: Errors, path: string, source: ScaleIOVolumeSource) => sourceRules.scaleIO(errors, path, source)],
  ["local", local],
  ["storageos", withNamespace(sourceRules.storageos)],
  ["csi", csi],
];

export const volumeSources: readonly (keyof PersistentVolumeSpec)[] = sourceRulesOfVolumes.map(([source]) => source);

function glusterfs(errors: Errors, path: string, source: GlusterfsPersistentVolumeSource): void {
  sourceRules.glusterfs(errors, path, { ...source });
  const { endpointsNamespace: namespace } = source;
  if (namespace === "") invalid(errors, `${path}.endpointsNamespace`, "", "if the endpointnamespace is set, it must be a valid namespace name");
  else if (namespace !== undefined) check(errors, `${path}.endpointsNamespace`, namespace, dns1123Label);
}

function iscsi(errors: Errors, path: string, source: ISCSIVolumeSource): void {
  iscsiRules(errors, path, source, "must be valid format");
  if (source.secretRef !== undefined && isEmpty(source.secretRef.name)) required(errors, `${path}.secretRef.name`);
}

function azureFile(errors: Errors, path: string, source: { readonly secretName: string; readonly shareName: string; readonly secretNamespace?: string }): void {
  sourceRules.azureFile(errors, path, source);
  if (source.secretNamespace === "") required(errors, `${path}.secretNamespace`);
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
    checkRequired(errors, `${at}.${field}.name`, reference.name, dns1123Subdomain);
    checkRequired(errors, `${at}.${field}.namespace`, reference.namespace, dns1123Label);
  }
}

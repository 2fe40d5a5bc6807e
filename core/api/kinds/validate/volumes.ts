/** Volumes of a pod: a name and exactly one source. The rules of the sources are in volume-sources.ts. */
import { dns1123Label, dns1123Subdomain, quote } from "../../names.ts";
import type { Volume } from "../../types.gen.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, required } from "./errors.ts";
import { projectionRules } from "./volume-projections.ts";
import { type SourceRule, sourceRules } from "./volume-sources.ts";

/** a volume and its iSCSI portal together name a directory of the node */
const PORTAL_LENGTH = 64;

export type Volumes = ReadonlyMap<string, Volume>;

const all: { readonly [source: string]: SourceRule } = { ...sourceRules, ...projectionRules };
/** The order in which Kubernetes looks at the sources: the first counts, every other one is too many. */
const ORDER = [
  "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi", "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs",
  "quobyte", "downwardAPI", "fc", "flexVolume", "configMap", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk", "storageos", "projected", "scaleIO",
  "csi", "ephemeral", "image",
];
const rules: ReadonlyMap<string, SourceRule> = new Map(ORDER.flatMap((source) => (all[source] === undefined ? [] : [[source, all[source]] as const])));
/** fields whose errors have another name */
const SHOWN: { readonly [source: string]: string } = { cephfs: "cephFS", downwardAPI: "downwarAPI" };

/** The volumes that can be mounted: those without mistakes, as Kubernetes has it. `around`: of a pod its name; templates have none. */
export function validateVolumes(errors: Errors, path: string, volumes: readonly Volume[] | undefined, around: { readonly podName: string; readonly isPod: boolean }): Volumes {
  const { podName } = around;
  const valid = new Map<string, Volume>();
  const claims = new Set(podName === "" ? [] : (volumes ?? []).filter(({ ephemeral }) => ephemeral !== undefined).map(({ name }) => `${podName}-${name}`));
  volumes?.forEach((volume, index) => {
    const at = `${path}[${index}]`;
    const before = errors.length;
    validateSource(errors, at, volume, around);
    if (isEmpty(volume.name)) required(errors, `${at}.name`);
    else check(errors, `${at}.name`, volume.name, dns1123Label);
    if (valid.has(volume.name)) duplicate(errors, `${at}.name`, volume.name);
    if (errors.length === before) valid.set(volume.name, volume);
    const { claimName } = volume.persistentVolumeClaim ?? {};
    if (claimName !== undefined && claims.has(claimName)) invalid(errors, `${at}.persistentVolumeClaim.claimName`, claimName, "must not reference a PVC that gets created for an ephemeral volume");
  });
  return valid;
}

function validateSource(errors: Errors, path: string, volume: Volume, { podName, isPod }: { readonly podName: string; readonly isPod: boolean }): void {
  let sources = 0;
  for (const [field, rule] of rules) {
    const source = volume[field as keyof Volume];
    if (source === undefined || source === null) continue;
    if (sources++ > 0) {
      forbidden(errors, `${path}.${SHOWN[field] ?? field}`, "may not specify more than 1 volume type");
      continue;
    }
    rule(errors, `${path}.${field}`, source as never);
    if (field === "image" && isPod && isEmpty(volume.image?.reference)) required(errors, `${path}.image.reference`);
    if (field === "ephemeral" && podName !== "" && !isEmpty(volume.name)) {
      const claim = `${podName}-${volume.name}`;
      for (const wrong of dns1123Subdomain(claim)) invalid(errors, `${path}.name`, volume.name, `PVC name ${quote(claim)}: ${wrong}`);
    }
    if (field === "iscsi" && volume.iscsi?.initiatorName !== undefined && `${volume.name}:${volume.iscsi.targetPortal}`.length > PORTAL_LENGTH) {
      invalid(errors, `${path}.name`, volume.name, "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.");
    }
  }
  if (sources === 0) required(errors, path, "must specify a volume type");
}

/** Which files a volume holds: configMap, secret, downwardAPI and projected sources as one map of paths. Pure but for tokens. */
import type { DownwardAPIVolumeFile, KeyToPath, Pod, ProjectedVolumeSource, ServiceAccountTokenProjection, Volume } from "../../core/api/types.gen.ts";
import { fieldValue, resourceValue, type DownwardFacts } from "../downward.ts";
import { configMapData, ConfigError, secretData, type Data, type ObjectSource } from "../environment.ts";
import type { VolumeFile, VolumeFiles } from "./atomic-directory.ts";

export interface ProjectionContext {
  readonly facts: DownwardFacts;
  readonly objects: ObjectSource;
  /** a valid token for the pod's service account */
  readonly token: (pod: Pod, source: ServiceAccountTokenProjection) => Promise<string>;
}

/** The API defaults modes to these; a set from another source may lack them. */
const DEFAULT_MODE = 0o644;

/** undefined: not a volume made of API objects. @throws Error when something it needs is missing */
export async function projectedFiles(context: ProjectionContext, volume: Volume): Promise<VolumeFiles | undefined> {
  const { objects, facts } = context;
  if (volume.configMap !== undefined) {
    const { items, defaultMode } = volume.configMap;
    return new Map(pick(configMapData(facts.pod, objects, volume.configMap), items, defaultMode, volume.configMap.optional));
  }
  if (volume.secret !== undefined) {
    const { secretName = "", items, defaultMode, optional } = volume.secret;
    return new Map(pick(secretData(facts.pod, objects, { name: secretName, ...(optional === undefined ? {} : { optional }) }), items, defaultMode, optional));
  }
  if (volume.downwardAPI !== undefined) return new Map(downward(facts, volume.downwardAPI.items ?? [], volume.downwardAPI.defaultMode));
  if (volume.projected !== undefined) return projected(context, volume.projected);
  return undefined;
}

async function projected(context: ProjectionContext, { sources, defaultMode }: ProjectedVolumeSource): Promise<VolumeFiles> {
  const { facts, objects } = context;
  const out = new Map<string, VolumeFile>();
  const add = (files: readonly (readonly [string, VolumeFile])[]) => {
    for (const [path, file] of files) out.set(path, file);
  };
  for (const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } of sources ?? []) {
    // kinds that this API does not serve, as in a cluster without their feature gates: better said than left out
    if (clusterTrustBundle !== undefined && clusterTrustBundle.optional !== true) throw new Error("ClusterTrustBundle projection is not supported by this device");
    if (podCertificate !== undefined) throw new Error("PodCertificate projection is not supported by this device");
    if (configMap !== undefined) add(pick(configMapData(facts.pod, objects, configMap), configMap.items, defaultMode, configMap.optional));
    if (secret !== undefined) add(pick(secretData(facts.pod, objects, secret), secret.items, defaultMode, secret.optional));
    if (downwardAPI !== undefined) add(downward(facts, downwardAPI.items ?? [], defaultMode));
    if (serviceAccountToken !== undefined) {
      const token = await context.token(facts.pod, serviceAccountToken);
      add([[serviceAccountToken.path, { data: Buffer.from(token), ...tokenFile(facts.pod, defaultMode) }]]);
    }
  }
  return out;
}

/** Tokens are for their pod only: readable by others only where the pod's user cannot be known (KEP-2451). */
function tokenFile(pod: Pod, defaultMode: number | undefined): { readonly mode: number; readonly uid: number | undefined } {
  const uid = tokenOwner(pod);
  const known = uid !== undefined || pod.spec?.securityContext?.fsGroup !== undefined;
  return { mode: known ? 0o600 : (defaultMode ?? DEFAULT_MODE), uid };
}

/** The one user that all containers of the pod run as; undefined: several or unknown. */
function tokenOwner(pod: Pod): number | undefined {
  const users = new Set((pod.spec?.containers ?? []).concat(pod.spec?.initContainers ?? []).map(({ securityContext }) => securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser));
  return users.size === 1 ? [...users][0] : undefined;
}

function pick(data: Data | undefined, items: readonly KeyToPath[] | undefined, defaultMode: number | undefined, optional: boolean | undefined): [string, VolumeFile][] {
  if (data === undefined) return [];
  const mode = defaultMode ?? DEFAULT_MODE;
  if (items === undefined) return Object.entries(data).map(([key, content]) => [key, { data: content, mode }]);
  return items.flatMap(({ key, path, mode: own }) => {
    const content = data[key];
    if (content !== undefined) return [[path, { data: content, mode: own ?? mode }] as [string, VolumeFile]];
    if (optional === true) return [];
    throw new ConfigError(`references non-existent config key: ${key}`);
  });
}

function downward(facts: DownwardFacts, items: readonly DownwardAPIVolumeFile[], defaultMode: number | undefined): [string, VolumeFile][] {
  return items.map(({ path, fieldRef, resourceFieldRef, mode }) => {
    const value = fieldRef !== undefined ? fieldValue(facts, fieldRef) : resourceFieldRef !== undefined ? resourceValue(facts, resourceFieldRef, undefined) : "";
    return [path, { data: Buffer.from(value), mode: mode ?? defaultMode ?? DEFAULT_MODE }];
  });
}

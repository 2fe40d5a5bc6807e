/** Claims in use by pods and volumes bound to claims are not deleted until they are free (Kubernetes, "Storage Object in Use Protection"). */
import type { Resource } from "../api/client.ts";
import type { KubeObject } from "../api/meta.ts";
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { Pod } from "../api/types.gen.ts";
import type { Client } from "../api/client.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { isFinished } from "./pod-state.ts";

const CLAIM_FINALIZER = "kubernetes.io/pvc-protection";
const VOLUME_FINALIZER = "kubernetes.io/pv-protection";
/** The index of pods by the claims they use, "namespace/claim". */
export const BY_CLAIM = "claim";

/** also the claims that ephemeral volumes stand for */
export const claimsOf = ({ metadata, spec }: Pod): readonly string[] =>
  (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [`${metadata.namespace}/${persistentVolumeClaim.claimName}`];
    return ephemeral === undefined ? [] : [`${metadata.namespace}/${metadata.name}-${name}`];
  });

export function claimProtection(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "pvc-protection-controller");
  const claims = deps.informers.of(PERSISTENT_VOLUME_CLAIMS);
  const pods = deps.informers.of(PODS);
  pods.addIndex(BY_CLAIM, claimsOf);
  return {
    name: "persistentvolumeclaim-protection",
    watches: [watching(claims, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]), watching(pods, claimsOf)],
    async reconcile(key) {
      const claim = claims.get(key);
      if (claim === undefined) return undefined;
      // a pod that is not bound yet holds nothing
      const inUse = pods.by(BY_CLAIM, key).some((pod) => (pod.spec?.nodeName ?? "") !== "" && !isFinished(pod));
      await protect(client, PERSISTENT_VOLUME_CLAIMS, claim, CLAIM_FINALIZER, inUse);
      return undefined;
    },
  };
}

export function volumeProtection(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "pv-protection-controller");
  const volumes = deps.informers.of(PERSISTENT_VOLUMES);
  return {
    name: "persistentvolume-protection",
    watches: [watching(volumes, ({ metadata }) => [metadata.name ?? ""])],
    async reconcile(name) {
      const volume = volumes.get(name);
      if (volume !== undefined) await protect(client, PERSISTENT_VOLUMES, volume, VOLUME_FINALIZER, volume.status?.phase === "Bound");
      return undefined;
    },
  };
}

async function protect<T extends KubeObject>(client: Client, resource: Resource<T>, object: T, finalizer: string, inUse: boolean): Promise<void> {
  const { namespace, name = "", finalizers = [], deletionTimestamp } = object.metadata;
  const has = finalizers.includes(finalizer);
  const add = deletionTimestamp === undefined && !has;
  if (!add && (deletionTimestamp === undefined || !has || inUse)) return;
  const changed = add ? [...finalizers, finalizer] : finalizers.filter((each) => each !== finalizer);
  try {
    await client.update(resource, { namespace, name }, { ...object, metadata: { ...object.metadata, finalizers: changed } });
  } catch (error) {
    if (!isReason(error, "NotFound")) throw error;
  }
}

/**
 * Claims in use by pods, volumes bound to claims and attributes classes that either names are not deleted until they are
 * free (Kubernetes, "Storage Object in Use Protection"; KEP-3751 for attributes classes).
 */
import type { Resource } from "../api/client.ts";
import type { KubeObject } from "../api/meta.ts";
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, VOLUME_ATTRIBUTES_CLASSES } from "../api/resources.gen.ts";
import { unlessGone } from "../api/status.ts";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../api/types.gen.ts";
import type { Client } from "../api/client.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { isFinished } from "./pod-state.ts";

const CLAIM_FINALIZER = "kubernetes.io/pvc-protection";
const VOLUME_FINALIZER = "kubernetes.io/pv-protection";
const ATTRIBUTES_CLASS_FINALIZER = "kubernetes.io/vac-protection";
const BY_ATTRIBUTES_CLASS = "attributes-class";
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

/** The classes a claim has, wants, or is on the way to. */
const classesOfClaim = ({ spec, status }: PersistentVolumeClaim): readonly string[] =>
  [spec?.volumeAttributesClassName, status?.currentVolumeAttributesClassName, status?.modifyVolumeStatus?.targetVolumeAttributesClassName].filter((name) => name !== undefined);
const classesOfVolume = ({ spec }: PersistentVolume): readonly string[] => (spec?.volumeAttributesClassName === undefined ? [] : [spec.volumeAttributesClassName]);

export function attributesClassProtection(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "volumeattributesclass-protection-controller");
  const classes = deps.informers.of(VOLUME_ATTRIBUTES_CLASSES);
  const claims = deps.informers.of(PERSISTENT_VOLUME_CLAIMS);
  const volumes = deps.informers.of(PERSISTENT_VOLUMES);
  claims.addIndex(BY_ATTRIBUTES_CLASS, classesOfClaim);
  volumes.addIndex(BY_ATTRIBUTES_CLASS, classesOfVolume);
  return {
    name: "volumeattributesclass-protection",
    watches: [watching(classes, ({ metadata }) => [metadata.name ?? ""]), watching(claims, classesOfClaim), watching(volumes, classesOfVolume)],
    async reconcile(name) {
      const attributesClass = classes.get(name);
      if (attributesClass === undefined) return undefined;
      const inUse = claims.by(BY_ATTRIBUTES_CLASS, name).length + volumes.by(BY_ATTRIBUTES_CLASS, name).length > 0;
      await protect(client, VOLUME_ATTRIBUTES_CLASSES, attributesClass, ATTRIBUTES_CLASS_FINALIZER, inUse);
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
  await unlessGone(client.update(resource, { namespace, name }, { ...object, metadata: { ...object.metadata, finalizers: changed } }));
}

/** The objects that a pod needs on its node: the names in its spec, by resource. Pure. */
import type { Container, EphemeralContainer, Pod, Volume } from "../../api/types.gen.ts";

export type Referenced = "secrets" | "configmaps" | "persistentvolumeclaims" | "serviceaccounts" | "resourceclaims";

/** In the pod's own namespace. */
export interface Reference {
  readonly plural: Referenced;
  readonly name: string;
}

export function* podReferences(pod: Pod): Generator<Reference> {
  const spec = pod.spec;
  if (spec === undefined) return;
  if (spec.serviceAccountName !== undefined) yield { plural: "serviceaccounts", name: spec.serviceAccountName };
  for (const { name } of spec.imagePullSecrets ?? []) if (name !== undefined) yield { plural: "secrets", name };
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])]) yield* environmentOf(container);
  for (const volume of spec.volumes ?? []) yield* volumeReferences(volume, pod.metadata.name ?? "");
  for (const { resourceClaimName } of spec.resourceClaims ?? []) if (resourceClaimName !== undefined) yield { plural: "resourceclaims", name: resourceClaimName };
  for (const { resourceClaimName } of pod.status?.resourceClaimStatuses ?? []) if (resourceClaimName !== undefined) yield { plural: "resourceclaims", name: resourceClaimName };
}

function* environmentOf(container: Container | EphemeralContainer): Generator<Reference> {
  for (const { valueFrom } of container.env ?? []) {
    yield* named("secrets", valueFrom?.secretKeyRef?.name);
    yield* named("configmaps", valueFrom?.configMapKeyRef?.name);
  }
  for (const { secretRef, configMapRef } of container.envFrom ?? []) {
    yield* named("secrets", secretRef?.name);
    yield* named("configmaps", configMapRef?.name);
  }
}

function* volumeReferences(volume: Volume, pod: string): Generator<Reference> {
  yield* named("secrets", volume.secret?.secretName);
  yield* named("configmaps", volume.configMap?.name);
  yield* named("persistentvolumeclaims", volume.persistentVolumeClaim?.claimName);
  // KEP-1698: the claim of a generic ephemeral volume is named after pod and volume.
  if (volume.ephemeral !== undefined) yield { plural: "persistentvolumeclaims", name: `${pod}-${volume.name}` };
  for (const source of volume.projected?.sources ?? []) {
    yield* named("secrets", source.secret?.name);
    yield* named("configmaps", source.configMap?.name);
  }
  yield* named("secrets", volume.csi?.nodePublishSecretRef?.name);
  yield* named("secrets", volume.azureFile?.secretName);
  for (const source of [volume.cephfs, volume.flexVolume, volume.iscsi, volume.rbd, volume.scaleIO, volume.storageos]) yield* named("secrets", source?.secretRef?.name);
}

function* named(plural: Referenced, name: string | undefined): Generator<Reference> {
  if (name !== undefined && name !== "") yield { plural, name };
}

/** Sources of volumes that Kubernetes no longer supports. */
import type { PersistentVolumeSpec } from "../types.gen.ts";

const REMOVED: readonly (readonly [source: keyof PersistentVolumeSpec, shown: string, why: string])[] = [
  ["photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"],
  ["scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"],
  ["storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"],
  ["glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"],
  ["cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"],
  ["rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"],
];

export function sourceWarnings(spec: PersistentVolumeSpec): readonly string[] {
  return REMOVED.flatMap(([source, shown, why]) => (spec[source] === undefined ? [] : [`spec.${shown}: ${why}`]));
}

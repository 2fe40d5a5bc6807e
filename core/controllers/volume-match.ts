/** Which persistent volume fits a claim best. Pure. */
import { compareQuantities, parseQuantity } from "../api/quantity.ts";
import { matchesLabels, selectorOf } from "../api/selector.ts";
import type { Node, PersistentVolume, PersistentVolumeClaim } from "../api/types.gen.ts";
import { allowsNode, selectable } from "../api/node-affinity.ts";

const CLASS = "volume.beta.kubernetes.io/storage-class";
export const classOf = ({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string => metadata.annotations?.[CLASS] ?? spec?.storageClassName ?? "";

export const sizeOf = (volume: PersistentVolume) => parseQuantity(volume.spec?.capacity?.["storage"] ?? "0");

/** The volume is promised to this claim, by name before it exists, by uid after. */
export function isPromised(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const reference = volume.spec?.claimRef;
  return (
    reference?.name === claim.metadata.name &&
    reference?.namespace === claim.metadata.namespace &&
    (reference?.uid === undefined || reference.uid === "" || reference.uid === claim.metadata.uid)
  );
}

/** Why a volume cannot serve a claim; undefined: it can. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim, node?: Node): string | undefined {
  const { spec } = claim;
  const wanted = parseQuantity(spec?.resources?.requests?.["storage"] ?? "0");
  if (compareQuantities(sizeOf(volume), wanted) < 0) return "requested PV is too small";
  if (classOf(volume) !== classOf(claim)) return "storageClassName does not match";
  if ((volume.spec?.volumeMode ?? "Filesystem") !== (spec?.volumeMode ?? "Filesystem")) return "incompatible volumeMode";
  if (!(spec?.accessModes ?? []).every((mode) => (volume.spec?.accessModes ?? []).includes(mode))) return "incompatible accessMode";
  if (spec?.selector !== undefined && !matchesLabels(selectorOf(spec.selector), volume.metadata.labels)) return "labels do not match";
  const required = volume.spec?.nodeAffinity?.required;
  if (node !== undefined && required !== undefined) {
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
    if (!allowsNode({ affinity }, selectable(node))) return "not reachable from the pod's node";
  }
  return undefined;
}

/** One that is promised to the claim, else the smallest free one that fits. */
export function bestVolume(claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[], node?: Node): PersistentVolume | undefined {
  const usable = volumes.filter((volume) => volume.metadata.deletionTimestamp === undefined && mismatch(volume, claim, node) === undefined);
  const promised = usable.find((volume) => isPromised(volume, claim));
  if (promised !== undefined) return promised;
  const free = usable.filter(({ spec, status }) => spec?.claimRef === undefined && (status?.phase === undefined || status.phase === "Available" || status.phase === "Pending"));
  return free.toSorted((a, b) => compareQuantities(sizeOf(a), sizeOf(b)) || ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1))[0];
}

/**
 * What becomes of a volume whose claim is gone (Kubernetes, "Reclaiming"). Retain keeps it for a person to decide; Delete
 * is the work of who provisioned it. A volume made by hand on a device has nobody who would delete or empty it, and says
 * so instead of waiting silently. Pure.
 */
import type { PersistentVolume } from "../api/types.gen.ts";

const PROVISIONED_BY = "pv.kubernetes.io/provisioned-by";

export interface ReclaimFailure {
  readonly reason: "VolumeFailedDelete" | "VolumeFailedRecycle";
  readonly message: string;
}

/** undefined: it stays as it is, or its provisioner deletes it */
export function reclaimFailure({ metadata, spec }: PersistentVolume): ReclaimFailure | undefined {
  switch (spec?.persistentVolumeReclaimPolicy) {
    case "Recycle":
      return { reason: "VolumeFailedRecycle", message: "No recycler plugin found for the volume! Empty it, then remove spec.claimRef to offer it again" };
    case "Delete": {
      if (spec.csi !== undefined || (metadata.annotations?.[PROVISIONED_BY] ?? "") !== "") return undefined;
      const message = `error getting deleter volume plugin for volume "${metadata.name}": no deletable volume plugin matched: delete its data, then the volume, or use the policy Retain`;
      return { reason: "VolumeFailedDelete", message };
    }
    default:
      return undefined;
  }
}

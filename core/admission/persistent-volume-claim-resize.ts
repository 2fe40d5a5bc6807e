/** A claim grows only if it is bound and its class allows it (KEP-284). */
import { compareQuantities, parseQuantity } from "../api/quantity.ts";
import { STORAGE_CLASSES } from "../api/resources.gen.ts";
import type { PersistentVolumeClaim } from "../api/types.gen.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns } from "./concerns.ts";
import { forbidden } from "./forbidden.ts";
import type { Lookup } from "./lookup.ts";

export function persistentVolumeClaimResize({ lookup }: { readonly lookup: Pick<Lookup, "get"> }): AdmissionPlugin {
  return {
    name: "PersistentVolumeClaimResize",
    handles: concerns({ group: "", plural: "persistentvolumeclaims", operations: ["UPDATE"] }),
    async validate({ object, old, kind, name }) {
      const claim = object as unknown as PersistentVolumeClaim;
      const before = old as unknown as PersistentVolumeClaim;
      if (before.status?.phase !== "Bound" || compareQuantities(storageOf(claim), storageOf(before)) <= 0) return;
      const found = lookup.get(STORAGE_CLASSES, undefined, claim.spec?.storageClassName ?? "");
      if (found?.allowVolumeExpansion === true) return;
      throw forbidden(kind, name, "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize");
    },
  };
}

const storageOf = ({ spec }: PersistentVolumeClaim) => parseQuantity(spec?.resources?.requests?.["storage"] ?? "0");

/** Volumes and claims get a finalizer when they are made: nothing that a pod uses vanishes under it (KEP-498). */
import type { AnyObject } from "../api/meta.ts";
import type { AdmissionPlugin } from "./admission.ts";

const FINALIZERS: { readonly [resource: string]: string } = {
  "/persistentvolumes": "kubernetes.io/pv-protection",
  "/persistentvolumeclaims": "kubernetes.io/pvc-protection",
  "storage.k8s.io/volumeattributesclasses": "kubernetes.io/vac-protection",
};

const finalizerOf = ({ group, plural }: { readonly group: string; readonly plural: string }): string | undefined => FINALIZERS[`${group}/${plural}`];

export function storageObjectInUseProtection(): AdmissionPlugin {
  return {
    name: "StorageObjectInUseProtection",
    handles: ({ operation, kind, subresource }) =>
      operation === "CREATE" && subresource === undefined && finalizerOf(kind) !== undefined,
    async mutate({ object, kind }): Promise<AnyObject> {
      const finalizer = finalizerOf(kind);
      const { finalizers = [] } = object.metadata;
      if (finalizer === undefined || finalizers.includes(finalizer)) return object;
      return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } };
    },
  };
}

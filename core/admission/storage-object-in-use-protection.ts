/** Volumes and claims get a finalizer when they are made: nothing that a pod uses vanishes under it (KEP-498). */
import type { AnyObject } from "../api/meta.ts";
import type { AdmissionPlugin } from "./admission.ts";

const FINALIZERS: { readonly [plural: string]: string } = {
  persistentvolumes: "kubernetes.io/pv-protection",
  persistentvolumeclaims: "kubernetes.io/pvc-protection",
};

export function storageObjectInUseProtection(): AdmissionPlugin {
  return {
    name: "StorageObjectInUseProtection",
    handles: ({ operation, kind, subresource }) =>
      operation === "CREATE" && subresource === undefined && kind.group === "" && Object.hasOwn(FINALIZERS, kind.plural),
    async mutate({ object, kind }): Promise<AnyObject> {
      const finalizer = FINALIZERS[kind.plural];
      const { finalizers = [] } = object.metadata;
      if (finalizer === undefined || finalizers.includes(finalizer)) return object;
      return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } };
    },
  };
}

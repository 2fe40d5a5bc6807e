/** A claim that names no class gets the default one; an empty name asks for none. Of several defaults the newest, then the first by name. */
import { STORAGE_CLASSES } from "../api/resources.gen.ts";
import type { PersistentVolumeClaim, StorageClass } from "../api/types.gen.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns } from "./concerns.ts";
import type { Lookup } from "./lookup.ts";

const DEFAULT = ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
const OLD_CLASS = "volume.beta.kubernetes.io/storage-class";

export function defaultStorageClass({ lookup }: { readonly lookup: Pick<Lookup, "list"> }): AdmissionPlugin {
  return {
    name: "DefaultStorageClass",
    handles: concerns({ group: "", plural: "persistentvolumeclaims", operations: ["CREATE"] }),
    async mutate({ object }) {
      const { spec, metadata } = object as unknown as PersistentVolumeClaim;
      if (spec?.storageClassName !== undefined || metadata.annotations?.[OLD_CLASS] !== undefined) return object;
      const found = newest((await lookup.list(STORAGE_CLASSES)).filter(isDefault));
      return found === undefined ? object : { ...object, spec: { ...spec, storageClassName: found.metadata.name } };
    },
  };
}

const isDefault = ({ metadata }: StorageClass) => DEFAULT.some((key) => metadata.annotations?.[key] === "true");

const made = ({ metadata }: StorageClass) => metadata.creationTimestamp ?? "";

function newest(classes: readonly StorageClass[]): StorageClass | undefined {
  return classes.reduce<StorageClass | undefined>((best, each) => (best === undefined || made(each) > made(best) ? each : best), undefined);
}

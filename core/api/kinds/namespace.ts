/** Namespaces: the label with their own name, the finalizer that empties them, and their phase. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { Namespace } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";

const column = columnsOf<Namespace>();
/** KEP-2161: the label that selectors can rely on */
const NAME_LABEL = "kubernetes.io/metadata.name";

export const namespaceHooks: KindHooks = {
  nameRule: "label",
  generation: "none",
  setDefaults: (object) => {
    const { name } = object.metadata;
    if (name === undefined || object.metadata.labels?.[NAME_LABEL] === name) return object;
    return { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, [NAME_LABEL]: name } } };
  },
  prepareForCreate: (object) => {
    const finalizers = (object as unknown as Namespace).spec?.finalizers ?? [];
    const spec = { finalizers: finalizers.includes("kubernetes") ? finalizers : [...finalizers, "kubernetes"] };
    return { ...object, spec, status: { phase: "Active" } } as AnyObject;
  },
  prepareForUpdate: (object, old) => ({ ...object, spec: old["spec"], status: old["status"] }),
  mergeSubresource: {
    finalize: (update, old) => ({ ...old, spec: update["spec"] }),
    status: (update, old) => ({ ...old, status: update["status"] }),
  },
  selectableFields: { "status.phase": (object) => (object as unknown as Namespace).status?.phase ?? "" },
  columns: [nameColumn, column("Status", (namespace) => namespace.status?.phase ?? ""), ageColumn],
};

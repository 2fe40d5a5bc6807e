/** Namespaces: the label with their own name, the finalizer that empties them, and their phase. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { qualifiedName } from "../names.ts";
import type { Namespace } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { checking, checkingUpdate } from "./hook-types.ts";
import { type Errors, check, invalid } from "./validate/errors.ts";

const column = columnsOf<Namespace>();
/** KEP-2161: the label that selectors can rely on */
const NAME_LABEL = "kubernetes.io/metadata.name";
const STANDARD = ["kubernetes", "orphan", "foregroundDeletion"];

export const namespaceHooks: KindHooks = {
  nameRule: "label",
  setDefaults: (given) => {
    const { name } = given.metadata;
    const { phase = "" } = (given as unknown as Namespace).status ?? {};
    const object = phase === "" ? { ...given, status: { ...(given.status as object | undefined), phase: "Active" } } : given;
    if (name === undefined || object.metadata.labels?.[NAME_LABEL] === name) return object;
    return { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, [NAME_LABEL]: name } } };
  },
  prepareForCreate: (object) => {
    const given = (object as unknown as Namespace).spec?.finalizers ?? [];
    const spec = { finalizers: given.includes("kubernetes") ? given : [...given, "kubernetes"] };
    return { ...object, spec, status: { phase: "Active" } } as AnyObject;
  },
  prepareForUpdate: (object, old) => ({ ...object, spec: old["spec"], status: old["status"] }),
  validate: checking(finalizers),
  validateUpdate: () => [],
  mergeSubresource: {
    // labels and annotations may change with either
    finalize: (update, old) => ({ ...update, status: old["status"] }),
    status: (update, old) => ({ ...update, spec: old["spec"], status: { phase: "Active", ...(update["status"] as object | undefined) } }),
  },
  validateSubresource: {
    finalize: checkingUpdate((errors, next: Namespace) => finalizers(errors, next)),
    status: checkingUpdate((errors, { metadata, status }: Namespace) => {
      const deleting = metadata.deletionTimestamp !== undefined;
      const phase = status?.phase ?? "";
      if (!deleting && phase !== "Active") invalid(errors, "status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty");
      if (deleting && phase !== "Terminating") invalid(errors, "status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
    }),
  },
  selectableFields: { "status.phase": (object) => (object as unknown as Namespace).status?.phase ?? "" },
  columns: [nameColumn, column("Status", (namespace) => namespace.status?.phase ?? ""), ageColumn],
};

function finalizers(errors: Errors, { spec }: Namespace): void {
  for (const finalizer of spec?.finalizers ?? []) {
    check(errors, "spec.finalizers", finalizer, qualifiedName);
    if (!finalizer.includes("/") && !STANDARD.includes(finalizer)) invalid(errors, "spec.finalizers", finalizer, "name is neither a standard finalizer name nor is it fully qualified");
  }
}

/** ControllerRevisions: what a workload looked like once. */
import type { KindHooks } from "../kinds.ts";
import type { ControllerRevision } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { type Errors, required, sortedMap } from "./validate/errors.ts";
import { notNegative } from "./validate/numbers.ts";

const column = columnsOf<ControllerRevision>();

export const controllerRevisionHooks: KindHooks = {
  validate: checking(validateRevision),
  validateUpdate: checkingUpdate((errors, next: ControllerRevision, old: ControllerRevision) => {
    notNegative(errors, "revision", next.revision);
    const shown: unknown = Array.isArray(next.data) || typeof next.data !== "object" ? next.data : sortedMap(next.data as { readonly [field: string]: unknown } | undefined);
    immutable(errors, "data", next.data, old.data, shown ?? null);
  }),
  columns: [
    nameColumn,
    column("Controller", ({ metadata }) => controllerOf(metadata.ownerReferences)),
    column("Revision", ({ revision }) => revision ?? 0),
    ageColumn,
  ],
};

function validateRevision(errors: Errors, { data, revision }: ControllerRevision): void {
  if (data === undefined || data === null) required(errors, "data", "data is mandatory");
  else if (Array.isArray(data) || typeof data !== "object") required(errors, "data", "data must be a valid JSON object");
  notNegative(errors, "revision", revision);
}

/** "daemonset.apps/name" */
function controllerOf(owners: ControllerRevision["metadata"]["ownerReferences"]): string {
  const owner = owners?.find(({ controller }) => controller === true);
  if (owner === undefined) return "<none>";
  const [group = ""] = owner.apiVersion.includes("/") ? owner.apiVersion.split("/") : [""];
  return `${owner.kind.toLowerCase()}${group === "" ? "" : `.${group}`}/${owner.name}`;
}

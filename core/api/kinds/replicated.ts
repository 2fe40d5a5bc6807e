/** What ReplicaSets and ReplicationControllers have in common: they keep a number of pods and say how far they are. */
import type { Column, KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { PodTemplateSpec } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { checkingUpdate } from "./hook-types.ts";
import { validateCounts, validateParts } from "./validate/replicas-status.ts";
import { containersColumn, imagesColumn } from "./workload-columns.ts";

interface Replicated {
  readonly spec?: { readonly replicas?: number; readonly template?: PodTemplateSpec };
  readonly status?: { readonly replicas: number; readonly fullyLabeledReplicas?: number; readonly readyReplicas?: number; readonly availableReplicas?: number };
}

const column = columnsOf<Replicated>();
const integer = { type: "integer" } as const;

/** `counts`: the fields of the status that are not negative */
export const validateReplicaCounts = (counts: readonly string[]) =>
  checkingUpdate((errors, { status }: Replicated) => {
    validateCounts(errors, status, counts);
    validateParts(errors, status, ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"], "replicas", "status.replicas");
    validateParts(errors, status, ["availableReplicas"], "readyReplicas", "readyReplicas");
  });

export const replicaColumns: readonly Column[] = [
  nameColumn,
  column("Desired", ({ spec }) => spec?.replicas ?? 0, integer),
  column("Current", ({ status }) => status?.replicas ?? 0, integer),
  column("Ready", ({ status }) => status?.readyReplicas ?? 0, integer),
  ageColumn,
  containersColumn,
  imagesColumn,
];

export const selectableByReplicas: NonNullable<KindHooks["selectableFields"]> = { "status.replicas": (object) => String((object as AnyObject & Replicated).status?.replicas ?? 0) };

/** PriorityClasses: the highest values, and names that begin with "system-", belong to Kubernetes. */
import type { KindHooks } from "../kinds.ts";
import type { PriorityClass } from "../types.gen.ts";
import { wordTable } from "../word-table.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill } from "./fill.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { type Errors, forbidden, oneOf, required } from "./validate/errors.ts";

const column = columnsOf<PriorityClass>();
const LARGEST = 1_000_000_000;
const SYSTEM = wordTable<number>({ "system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000 });

export const priorityClassHooks: KindHooks = {
  generation: "once",
  setDefaults: (object) => fill(object, { preemptionPolicy: "PreemptLowerPriority" }),
  validate: checking(validateClass),
  validateUpdate: checkingUpdate((errors, next: PriorityClass, old: PriorityClass) => {
    if ((next.value ?? 0) !== (old.value ?? 0)) forbidden(errors, "value", "may not be changed in an update.");
    immutable(errors, "preemptionPolicy", next.preemptionPolicy, old.preemptionPolicy);
  }),
  columns: [
    nameColumn,
    column("Value", ({ value }) => value ?? 0, { type: "integer" }),
    column("Global-Default", ({ globalDefault }) => globalDefault ?? false, { type: "boolean" }),
    ageColumn,
    column("PreemptionPolicy", ({ preemptionPolicy }) => preemptionPolicy ?? ""),
  ],
};

function validateClass(errors: Errors, { metadata, value = 0, globalDefault, preemptionPolicy }: PriorityClass): void {
  const { name = "" } = metadata;
  if (name.startsWith("system-")) {
    const wrong = systemWrong(name, value, globalDefault === true);
    if (wrong !== undefined) forbidden(errors, "metadata.name", `priority class names with 'system-' prefix are reserved for system use only. error: ${wrong}`);
  } else if (value > LARGEST) {
    forbidden(errors, "value", `maximum allowed value of a user defined priority is ${LARGEST}`);
  }
  if (preemptionPolicy === ("" as string)) required(errors, "preemptionPolicy");
  else if (preemptionPolicy !== undefined) oneOf(errors, "preemptionPolicy", preemptionPolicy, ["PreemptLowerPriority", "Never"]);
}

function systemWrong(name: string, value: number, globalDefault: boolean): string | undefined {
  const known = SYSTEM[name];
  if (known === undefined) return `${name} is not a known system priority class`;
  if (value !== known) return `value of ${name} PriorityClass must be ${known}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

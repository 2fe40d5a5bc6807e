/**
 * The Table view (what `kubectl get` prints): columns from the kind's hooks, one row per object. A kind without columns
 * of its own shows its name and when it was made.
 */
import { ageOf } from "../api/kinds/age.ts";
import type { Column, Kind } from "../api/kinds.ts";
import type { AnyObject, KubeObject, ListMeta } from "../api/meta.ts";
import { badRequest } from "../api/status.ts";
import { hasProtobuf } from "./media.ts";
import type { View } from "./media.ts";
import { partial } from "./views.ts";

export type IncludeObject = "None" | "Metadata" | "Object";

const nameColumn: Column = {
  name: "Name",
  type: "string",
  format: "name",
  priority: 0,
  description: "Name must be unique within a namespace, or among all objects of a kind without namespaces.",
  cell: (object) => object.metadata.name ?? "",
};
const made = { type: "date", priority: 0, description: "When the server made the object, in UTC." } as const;

/** Built-in kinds show the moment, custom resources their age, as Kubernetes does. */
const builtInColumns: readonly Column[] = [nameColumn, { ...made, name: "Created At", cell: (object) => object.metadata.creationTimestamp ?? null }];
const customColumns: readonly Column[] = [nameColumn, { ...made, name: "Age", cell: (object, now) => ageOf(object.metadata.creationTimestamp, now) }];

export interface Table {
  readonly kind: "Table";
  readonly apiVersion: string;
  readonly metadata: ListMeta;
  readonly columnDefinitions: readonly unknown[] | null;
  readonly rows: readonly unknown[];
}

/** `withColumns` is false for all but the first event of a watch. */
export function table(
  kind: Kind,
  objects: readonly KubeObject[],
  metadata: ListMeta,
  options: { readonly version: View["version"]; readonly include: IncludeObject; readonly now: number; readonly withColumns: boolean },
): Table {
  const all = kind.hooks.columns ?? (hasProtobuf(kind) ? builtInColumns : customColumns);
  const columns = all.filter(({ shownFor }) => shownFor === undefined || objects.some((object) => shownFor(object as AnyObject)));
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: options.withColumns ? columns.filter(({ undeclared }) => undeclared !== true).map(definition) : null,
    rows: objects.map((object) => {
      const conditions = kind.hooks.rowConditions?.(object as AnyObject) ?? [];
      return {
        cells: columns.map((column) => column.cell(object as AnyObject, options.now)),
        ...(conditions.length === 0 ? {} : { conditions }),
        object: included(object, options),
      };
    }),
  };
}

function definition(column: Column) {
  const { name, type, format = "", description, priority } = column;
  return { name, type, format, description, priority };
}

function included(object: KubeObject, options: { readonly version: View["version"]; readonly include: IncludeObject }): unknown {
  switch (options.include) {
    case "None":
      return null;
    case "Object":
      return object;
    case "Metadata":
      return partial(object, options.version);
  }
}

export function includeObject(query: URLSearchParams): IncludeObject {
  const value = query.get("includeObject") ?? "";
  if (value === "") return "Metadata";
  if (value === "None" || value === "Metadata" || value === "Object") return value;
  throw badRequest(`Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(value)}: must be 'Metadata', 'Object', 'None', or empty`);
}

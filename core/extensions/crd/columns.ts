/** additionalPrinterColumns as columns of the Table view. */
import { ageOf } from "../../api/kinds/age.ts";
import type { Column } from "../../api/kinds.ts";
import type { CustomResourceColumnDefinition } from "../../api/types.gen.ts";
import { compileJsonPath } from "./json-path.ts";

const types: ReadonlySet<string> = new Set<Column["type"]>(["string", "integer", "number", "boolean", "date"]);
const isType = (text: string): text is Column["type"] => types.has(text);

const nameColumn: Column = {
  name: "Name",
  type: "string",
  format: "name",
  priority: 0,
  description: "Name must be unique within a namespace, or among all objects of a kind without namespaces.",
  cell: (object) => object.metadata.name ?? "",
};

/** undefined: the definition names none, the server's own will do */
export function columnsOf(definitions: readonly CustomResourceColumnDefinition[] | undefined): readonly Column[] | undefined {
  if (definitions === undefined || definitions.length === 0) return undefined;
  return [nameColumn, ...definitions.map(columnOf)];
}

function columnOf({ name, type, format, description, priority = 0, jsonPath }: CustomResourceColumnDefinition): Column {
  const read = compileJsonPath(jsonPath);
  const shown = isType(type) ? type : "string";
  return {
    name,
    type: shown,
    priority,
    ...(format === undefined ? {} : { format }),
    description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    cell: (object, now) => {
      const values = read?.(object) ?? [];
      return values.length === 0 ? null : cell(shown, values[0], now);
    },
  };
}

function cell(type: Column["type"], value: unknown, now: number): string | number | boolean | null {
  switch (type) {
    case "string":
      if (typeof value === "string") return value;
      return value === null || value === undefined ? "<nil>" : JSON.stringify(value);
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      if (typeof value !== "string") return null;
      return Number.isNaN(Date.parse(value)) ? "<invalid>" : ageOf(value, now);
  }
}

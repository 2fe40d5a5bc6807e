/** What the schema says about merging (patchStrategy, patchMergeKey), field by field on the way down. */
import type { Field, FieldType, ObjectType } from "../../api/schema/schema.ts";
import { fail } from "./directives.ts";

/** The fields of an object, the type of all values of a map, or nothing. */
export interface Schema {
  /** as Go calls the type */
  readonly name: string;
  readonly field: (name: string) => FieldInfo | undefined;
}

export interface FieldInfo {
  readonly type: FieldType | undefined;
  readonly strategy: string;
  readonly mergeKey: string;
}

const untyped: FieldInfo = { type: undefined, strategy: "", mergeKey: "" };

export function schemaOf(type: ObjectType): Schema {
  return { name: type.name.slice(type.name.lastIndexOf(".") + 1), field: (name) => infoOf(type.fields.get(name)) };
}

function infoOf(field: Field | undefined): FieldInfo | undefined {
  if (field === undefined) return undefined;
  // "retainKeys" says how clients make patches, not how they are applied.
  const strategy = (field.patchStrategy ?? "").split(",").filter((each) => each !== "retainKeys")[0] ?? "";
  return { type: field.type, strategy, mergeKey: field.patchMergeKey ?? "" };
}

/** The schema of the value, or of the items, of a field. */
export function below(type: FieldType | undefined): Schema {
  if (type?.kind === "object") return schemaOf(type.type);
  if (type?.kind === "list") return below(type.items);
  const info = type?.kind === "map" ? { ...untyped, type: type.values } : untyped;
  return { name: "", field: () => info };
}

/** @throws ApiError for a field that the type does not have */
export function known({ name, field }: Schema, key: string): FieldInfo {
  return field(key) ?? fail(`unable to find api field in struct ${name} for the json field ${JSON.stringify(key)}`);
}

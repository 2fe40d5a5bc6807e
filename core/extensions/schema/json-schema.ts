/**
 * The schema of a custom resource as code reads it: the generated type with its "one or the other" fields resolved, so
 * that nobody else has to ask if `items` is a schema or a list of them.
 */
import { isObject } from "../../api/json.ts";
import type { JSONSchemaProps } from "../../api/types.gen.ts";

export type Schema = JSONSchemaProps;

/** The schema of all items; undefined when there is none, or one per position (which is not structural). */
export function itemsOf(schema: Schema): Schema | undefined {
  return isObject(schema.items) ? (schema.items as Schema) : undefined;
}

/** The schema of the values that `properties` does not name; true: any value; undefined: none. */
export function valuesOf(schema: Schema): Schema | true | undefined {
  const { additionalProperties: values } = schema;
  if (isObject(values)) return values as Schema;
  return values === true ? true : undefined;
}

/** Properties by name, in order: what is reported must not depend on the order in which somebody wrote them. */
export function propertiesOf(schema: Schema): readonly (readonly [string, Schema])[] {
  return Object.entries(schema.properties ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

export const preserves = (schema: Schema): boolean => schema["x-kubernetes-preserve-unknown-fields"] === true;
export const isIntOrString = (schema: Schema): boolean => schema["x-kubernetes-int-or-string"] === true;
export const isEmbedded = (schema: Schema): boolean => schema["x-kubernetes-embedded-resource"] === true;
export const rulesOf = (schema: Schema) => schema["x-kubernetes-validations"] ?? [];

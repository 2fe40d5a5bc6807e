/**
 * The type of a value, by kube-openapi's reading: numbers without a fraction are integers of the format int64, all others
 * are of float64; a format of a text is the business of its own rule, and with one a list is not asked for its type.
 */
import { quote } from "../../api/names.ts";
import { isKnownFormat, stringFormat } from "./formats.ts";
import { bodyName, found, ok, type Rule, within } from "./findings.ts";
import { isIntOrString, type Schema } from "./json-schema.ts";

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function typesOf(schema: Schema): readonly string[] {
  if (isIntOrString(schema)) return ["integer", "string"];
  return schema.type === undefined || schema.type === "" ? [] : [schema.type];
}

const NUMBER_FORMATS: { readonly [type: string]: readonly string[] } = { integer: ["int32", "int64"], number: ["float", "double"] };

/** "" for a format that the type does not have: Kubernetes drops it. */
function formatOf({ format = "" }: Schema, types: readonly string[]): string {
  const [type = ""] = types.length === 1 ? types : [];
  if (type === "" || type === "string") return isKnownFormat(format) && stringFormat(format) !== undefined ? format : "";
  return NUMBER_FORMATS[type]?.includes(format) === true ? format : "";
}

const VALUE_FORMATS: { readonly [type: string]: string } = { integer: "int64", number: "float64" };

export function typeRule(schema: Schema): Rule | undefined {
  const types = typesOf(schema);
  if (types.length === 0) return undefined;
  const format = formatOf(schema, types);
  const numeric = types.includes("integer") || types.includes("number");
  return (value, path) => {
    const actual = typeName(value);
    const is = types.includes(actual) || (actual === "integer" && types.includes("number"));
    if (is || (actual === "array" && format !== "" && !numeric)) return ok;
    const [expected, shown] = format === "" || actual === "array" || actual === "string" || actual === "null" ? [types.join(","), actual] : [format, VALUE_FORMATS[actual] ?? ""];
    const message = `Invalid value: ${quote(shown)}: ${bodyName(path)} must be of type ${expected}: ${quote(shown)}`;
    return found([{ type: "FieldValueTypeInvalid", field: within(path), message }]);
  };
}

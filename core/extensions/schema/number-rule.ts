/**
 * The limits of a number. Like kube-openapi, which compares an integer with limits cut to integers, and first says of
 * every number, also of a limit, that it does not fit into the type of the schema.
 */
import type { FieldError } from "../../api/status.ts";
import { bodyName, found, invalid, type Rule, unplaced } from "./findings.ts";
import { isIntOrString, type Schema } from "./json-schema.ts";

const ranges: { readonly [format: string]: readonly [least: number, most: number] } = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2 ** 63), 2 ** 63],
  float: [-3.4028234663852886e38, 3.4028234663852886e38],
};

type Unfit = (what: string, value: number, path: string) => FieldError | undefined;

/** A number of what stands before a value, or a limit, that the type of the schema cannot hold. */
function unfitness(schema: Schema): Unfit {
  const type = isIntOrString(schema) ? "" : (schema.type ?? "");
  const { format: given = "" } = schema;
  const format = (type === "integer" && /^int(32|64)$/.test(given)) || (type === "number" && /^(float|double)$/.test(given)) ? given : "";
  const [least, most] = ranges[format] ?? (type === "integer" ? ranges["int64"] : undefined) ?? [-Infinity, Infinity];
  return (what, value, path) => {
    if ((type !== "integer" || Number.isInteger(value)) && value >= least && value <= most) return undefined;
    return unplaced(`${what} value must be of type ${type} ${format === "" ? "(default format)" : `with format ${format}`} in ${path}`);
  };
}

export function numberRule(schema: Schema): Rule | undefined {
  const { minimum, maximum, multipleOf, exclusiveMinimum = false, exclusiveMaximum = false, format, type } = schema;
  if (minimum === undefined && maximum === undefined && multipleOf === undefined && format === undefined && type !== "integer") return undefined;
  const unfit = unfitness(schema);
  return (value, path) => {
    if (typeof value !== "number") return undefined;
    const errors: (FieldError | undefined)[] = [unfit("Checked", value, path)];
    /** A limit that does not fit is told, and compared as it is. */
    const limitOf = (what: string, limit: number): number => {
      const wrong = unfit(what, limit, path);
      errors.push(wrong);
      return wrong === undefined && Number.isInteger(value) ? Math.trunc(limit) : limit;
    };
    if (multipleOf !== undefined) errors.push(multipleError(value, limitOf("MultipleOf", multipleOf), path, multipleOf));
    if (minimum !== undefined) {
      const limit = limitOf("Minimum boundary", minimum);
      if (exclusiveMinimum ? value <= limit : value < limit) errors.push(invalid(path, value, `${bodyName(path)} should be greater than ${exclusiveMinimum ? "" : "or equal to "}${goFloat(limit)}`));
    }
    if (maximum !== undefined) {
      const limit = limitOf("Maximum boundary", maximum);
      if (exclusiveMaximum ? value >= limit : value > limit) errors.push(invalid(path, value, `${bodyName(path)} should be less than ${exclusiveMaximum ? "" : "or equal to "}${goFloat(limit)}`));
    }
    return found(errors.filter((error) => error !== undefined));
  };
}

function multipleError(value: number, of: number, path: string, given: number): FieldError | undefined {
  if (of <= 0) return invalid(path, of, `factor MultipleOf declared for ${path} must be positive: ${goFloat(of)}`);
  if (Number.isInteger(of < 1 ? value * (1 / of) : value / of)) return undefined;
  return invalid(path, value, `${bodyName(path)} should be a multiple of ${goFloat(Number.isInteger(value) ? of : given)}`);
}

/** Integers as they are; other numbers as Go's %v writes them. */
function goFloat(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 1e-4 ? value.toExponential().replace(/e([+-])(\d)$/, "e$10$2") : String(value);
}

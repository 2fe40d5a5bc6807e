/**
 * JSON values as CEL sees them, and back. CEL tells whole numbers from others by type, JSON does not: a number without a
 * fraction is an int, as in Kubernetes' unstructured objects.
 */
import { isObject } from "../../api/json.ts";

export function toCel(value: unknown): unknown {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(toCel);
  if (!isObject(value)) return value;
  const made: { [key: string]: unknown } = {};
  for (const [key, each] of Object.entries(value)) if (each !== undefined) made[key] = toCel(each);
  return made;
}

/** A value that CEL made, as JSON; what has no JSON form is its text. */
export function fromCel(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Date) return value.toISOString().replace(/\.000Z$/, "Z");
  if (Array.isArray(value)) return value.map(fromCel);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, each]) => [String(key), fromCel(each)]));
  if (typeof value !== "object" || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype && typeof value.toString === "function" && value.toString !== Object.prototype.toString) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fromCel(each)]));
}

/** Equality of CEL values of objects: by fields, whatever their order; ints and doubles by amount. */
export function celEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if ((typeof a === "bigint" && typeof b === "number") || (typeof a === "number" && typeof b === "bigint")) return Number(a) === Number(b);
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, index) => celEqual(each, b[index]));
  }
  const entries = Object.entries(a).filter(([, each]) => each !== undefined);
  const others = Object.entries(b).filter(([, each]) => each !== undefined);
  if (entries.length !== others.length) return false;
  const right = new Map(others);
  return entries.every(([key, each]) => right.has(key) && celEqual(each, right.get(key)));
}

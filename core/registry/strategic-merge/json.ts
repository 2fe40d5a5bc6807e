/** JSON as a patch sees it: plain values, told apart by the types that Go's decoder gives them, since errors show those. */
export type Json = { readonly [key: string]: unknown };
export type Mutable = { [key: string]: unknown };

export function goType(value: unknown): string {
  if (value === null || value === undefined) return "%!s(<nil>)";
  if (Array.isArray(value)) return "[]interface {}";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "number":
      return Number.isInteger(value) ? "int64" : "float64";
    case "string":
      return "string";
    default:
      return "map[string]interface {}";
  }
}

/** A plain assignment to "__proto__" would change the prototype instead of setting a field. */
export function define(on: Mutable, key: string, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(on, key, { value, enumerable: true, configurable: true, writable: true });
  else on[key] = value;
}

/** Equality of JSON values; the order of fields does not matter. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, index) => equal(each, b[index]));
  }
  const keys = Object.keys(a);
  const left = a as { readonly [key: string]: unknown };
  const right = b as { readonly [key: string]: unknown };
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(left[key], right[key]));
}

/** Equality of the API's values: what is absent, null or an empty list or map is the same (apimachinery Semantic.DeepEqual). */
type Json = { readonly [field: string]: unknown };

const isNothing = (value: unknown): boolean => {
  if (value === undefined || value === null) return true;
  if (typeof value !== "object") return false;
  for (const _ in value) return false;
  return true;
};

export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isNothing(a) || isNothing(b)) return isNothing(a) && isNothing(b);
  if (typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, index) => same(each, b[index]));
  for (const field in a) if (!same((a as Json)[field], (b as Json)[field])) return false;
  for (const field in b) if (!Object.hasOwn(a as object, field) && !same((b as Json)[field], undefined)) return false;
  return true;
}

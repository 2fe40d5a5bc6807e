/**
 * The view that rules have of an object: what is null is absent. Clients may write null for any field that can be empty,
 * and stored objects have it where Go's types show an empty pointer or list. The object itself when it has none.
 */
export function withoutNulls<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    let list: unknown[] | undefined;
    for (let index = 0; index < value.length; index++) {
      const element: unknown = value[index];
      const clean = withoutNulls(element);
      if (clean !== element) (list ??= [...(value as readonly unknown[])])[index] = clean;
    }
    return (list as T | undefined) ?? value;
  }
  let changed: Record<string, unknown> | undefined;
  for (const field in value) {
    // trees without values, and the larger part of many objects
    if (field === "managedFields") continue;
    const inside: unknown = value[field];
    const clean = inside === null ? undefined : withoutNulls(inside);
    if (clean === inside) continue;
    changed ??= { ...value } as Record<string, unknown>;
    if (clean === undefined) delete changed[field];
    else changed[field] = clean;
  }
  return (changed as T | undefined) ?? value;
}

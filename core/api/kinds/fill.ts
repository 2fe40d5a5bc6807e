/** Adds the fields that are missing or null; the same object when none is, so that reading a stored object copies nothing. */
export function fill<T extends object>(object: T, defaults: { readonly [field: string]: unknown }): T {
  let filled: Record<string, unknown> | undefined;
  for (const field in defaults) {
    const there: unknown = Object.hasOwn(object, field) ? (object as { readonly [field: string]: unknown })[field] : undefined;
    if (there !== undefined && there !== null) continue;
    filled ??= { ...object } as Record<string, unknown>;
    filled[field] = defaults[field];
  }
  return (filled as T | undefined) ?? object;
}

/** Replaces one field by what `change` makes of it; the same object when that is the same value. */
export function mapField<T extends object, K extends keyof T>(object: T, field: K, change: (value: NonNullable<T[K]>) => T[K]): T {
  const value = object[field];
  if (value === undefined || value === null) return object;
  const changed = change(value);
  return changed === value ? object : { ...object, [field]: changed };
}

/** A copy without some fields. */
export function drop<T extends object, K extends keyof T>(object: T, ...fields: readonly K[]): Omit<T, K> {
  const kept = Object.entries(object).filter(([field]) => !(fields as readonly string[]).includes(field));
  return Object.fromEntries(kept) as Omit<T, K>;
}

/** Maps a list, keeping it when no element changed. */
export function mapAll<T>(list: readonly T[], change: (element: T) => T): readonly T[] {
  let mapped: T[] | undefined;
  for (const [index, element] of list.entries()) {
    const changed = change(element);
    if (changed === element) continue;
    mapped ??= [...list];
    mapped[index] = changed;
  }
  return mapped ?? list;
}

/** Without some of its fields. */
export function without<T extends object>(object: T, ...fields: readonly string[]): T {
  return Object.fromEntries(Object.entries(object).filter(([field]) => !fields.includes(field))) as T;
}

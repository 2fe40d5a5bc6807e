/**
 * Fields that became lists when a second address family came (KEP-563): the old one is the first of the new. A client that
 * knows only the old one means the whole list by it.
 */
export function joined<T>(one: string | undefined, many: readonly T[] | undefined, textOf: (element: T) => string, make: (text: string) => T): { readonly one?: string; readonly many?: readonly T[] } {
  const list = one !== undefined && one !== "" && (many === undefined || many.length === 0 || textOf(many[0] as T) !== one) ? [make(one)] : many;
  const [first] = list ?? [];
  return { ...(first === undefined ? {} : { one: textOf(first) }), ...(list === undefined ? {} : { many: list }) };
}

/**
 * Shapes: what unknown data has to look like, written as values whose type TypeScript infers. A shape returns the value
 * typed, or refuses with the path and what is wrong there. Fields that a shape does not name are dropped, so that what
 * comes later in the program has only what is declared.
 */

/** Names of Kubernetes objects are at most 253 characters, resources "group/version/plural" a little more. */
const MAX_NAME = 512;
/** Pods of one device, entries of `have` and of one desired set. */
const MAX_ENTRIES = 20_000;

/** @returns the value as T; throws Refusal */
export type Shape<T> = (value: unknown, at: string) => T;

export class Refusal extends Error {}

export function refuse(at: string, what: string): never {
  throw new Refusal(`${at === "" ? "message" : at} ${what}`);
}

export const text =
  (max = MAX_NAME): Shape<string> =>
  (value, at) => {
    if (typeof value !== "string") refuse(at, "is not text");
    if (value.length > max) refuse(at, `is longer than ${max} characters`);
    return value;
  };

export const integer: Shape<number> = (value, at) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) refuse(at, "is not a whole number");
  return value;
};

export const flag: Shape<boolean> = (value, at) => (typeof value === "boolean" ? value : refuse(at, "is not true or false"));

export const literal =
  <const T extends string>(...allowed: readonly T[]): Shape<T> =>
  (value, at) =>
    allowed.find((one) => one === value) ?? refuse(at, `is not one of ${allowed.join(", ")}`);

export const list =
  <T>(of: Shape<T>, max = MAX_ENTRIES): Shape<readonly T[]> =>
  (value, at) => {
    if (!Array.isArray(value)) refuse(at, "is not a list");
    if (value.length > max) refuse(at, `has more than ${max} entries`);
    return value.map((item, index) => of(item, `${at}[${index}]`));
  };

export const tuple =
  <const N extends readonly string[]>(...names: N): Shape<{ readonly [I in keyof N]: string }> =>
  (value, at) => {
    if (!Array.isArray(value) || value.length !== names.length) refuse(at, `is not (${names.join(", ")})`);
    return value.map((item, index) => text()(item, `${at}.${names[index]}`)) as { readonly [I in keyof N]: string };
  };

export function isRecord(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const map =
  <T>(of: Shape<T>): Shape<Readonly<Record<string, T>>> =>
  (value, at) => {
    if (!isRecord(value)) refuse(at, "is not a map");
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, of(item, `${at}.${name}`)]));
  };

export type Fields = { readonly [name: string]: Shape<unknown> };
export type Of<F extends Fields> = { readonly [K in keyof F]: ReturnType<F[K]> };

/** `required` and `optional` fields of a map. An absent optional field stays absent. */
export function shape<R extends Fields, O extends Fields = Record<never, never>>(required: R, optional?: O): Shape<Of<R> & Partial<Of<O>>> {
  return (value, at) => {
    if (!isRecord(value)) refuse(at, "is not a map");
    const result: { [name: string]: unknown } = {};
    const under = (name: string) => (at === "" ? name : `${at}.${name}`);
    for (const [name, of] of Object.entries(required)) {
      result[name] = of(Object.hasOwn(value, name) ? value[name] : undefined, under(name));
    }
    for (const [name, of] of Object.entries(optional ?? {})) {
      if (Object.hasOwn(value, name)) result[name] = of(value[name], under(name));
    }
    return result as Of<R> & Partial<Of<O>>;
  };
}

/** One of several maps told apart by their `type`. */
export function oneOf<T extends { readonly type: string }>(shapes: { readonly [K in T["type"]]: Shape<Extract<T, { readonly type: K }>> }): Shape<T> {
  const byType = new Map<string, Shape<T>>(Object.entries(shapes));
  return (value, at) => {
    if (!isRecord(value)) refuse(at, "is not a map");
    const type = value["type"];
    const found = typeof type === "string" ? byType.get(type) : undefined;
    return (found ?? refuse(`${at}.type`, "is not known: the sender is newer"))(value, at);
  };
}

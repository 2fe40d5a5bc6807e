/** ConfigMaps: keys are file names, the whole fits into one object of the store, and the immutable ones stay. */
import type { KindHooks } from "../kinds.ts";
import { configMapKey } from "../names.ts";
import type { ConfigMap } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { checking, checkingUpdate } from "./hook-types.ts";
import { type Errors, check, forbidden, invalid, sortedEntries, tooLong } from "./validate/errors.ts";
import { same } from "./validate/same.ts";

const column = columnsOf<ConfigMap>();
/** Kubernetes' bound for the data of one ConfigMap or Secret */
export const DATA_BYTES = 1_048_576;

export const configMapHooks: KindHooks = {
  validate: checking(validateConfigMap),
  validateUpdate: checkingUpdate((errors, next: ConfigMap, old: ConfigMap) => {
    validateImmutable(errors, next, old, ["data", "binaryData"]);
    validateConfigMap(errors, next);
  }),
  columns: [nameColumn, column("Data", ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length), ageColumn],
};

/** An object that is immutable stays so, with what it has in `fields`. */
export function validateImmutable<T extends { readonly immutable?: boolean }>(errors: Errors, next: T, old: T, fields: readonly (keyof T & string)[]): void {
  if (old.immutable !== true) return;
  const why = "field is immutable when `immutable` is set";
  if (next.immutable !== true) forbidden(errors, "immutable", why);
  for (const field of fields) if (!same(next[field], old[field])) forbidden(errors, field, why);
}

/** bytes of what is behind base64 */
export const decodedBytes = (text: string): number => Math.floor((text.replace(/=+$/, "").length * 3) / 4);

function validateConfigMap(errors: Errors, { data, binaryData }: ConfigMap): void {
  let bytes = 0;
  for (const [key, value] of sortedEntries(data)) {
    check(errors, `data[${key}]`, key, configMapKey);
    if (binaryData !== undefined && Object.hasOwn(binaryData, key)) invalid(errors, `data[${key}]`, key, "duplicate of key present in binaryData");
    bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of sortedEntries(binaryData)) {
    check(errors, `binaryData[${key}]`, key, configMapKey);
    bytes += decodedBytes(value);
  }
  // the error is about the object itself, whose path is empty
  if (bytes > DATA_BYTES) tooLong(errors, "[]", DATA_BYTES);
}

/** ServiceAccounts: nothing but metadata is checked. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { ServiceAccount } from "../types.gen.ts";
import { ageColumn, nameColumn } from "./column.ts";
import { mapField } from "./fill.ts";

export const serviceAccountHooks: KindHooks = {
  prepareForCreate: onlyNames,
  prepareForUpdate: onlyNames,
  columns: [nameColumn, ageColumn],
};

/** Secrets are referred to by name: what else a reference says counts for nothing. */
function onlyNames(object: AnyObject): AnyObject {
  return mapField(object as unknown as ServiceAccount, "secrets", (secrets) => secrets.map(({ name }) => (name === undefined || name === "" ? {} : { name }))) as unknown as AnyObject;
}

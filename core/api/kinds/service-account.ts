/** ServiceAccounts: nothing but metadata is checked. */
import type { KindHooks } from "../kinds.ts";
import { ageColumn, nameColumn } from "./column.ts";

export const serviceAccountHooks: KindHooks = { columns: [nameColumn, ageColumn] };

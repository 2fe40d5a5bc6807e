/** Secrets: a type is always there, and stringData is write-only. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { Secret } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill } from "./fill.ts";

const column = columnsOf<Secret>();

export const secretHooks: KindHooks = {
  generation: "none",
  setDefaults: (object) => {
    const { stringData, ...secret } = fill(object, { type: "Opaque" }) as unknown as Secret;
    if (stringData === undefined) return secret as unknown as AnyObject;
    const encoded = Object.entries(stringData).map(([name, text]) => [name, Buffer.from(text, "utf8").toString("base64")] as const);
    return { ...secret, data: { ...secret.data, ...Object.fromEntries(encoded) } } as unknown as AnyObject;
  },
  selectableFields: { type: (object) => (object as unknown as Secret).type ?? "" },
  columns: [
    nameColumn,
    column("Type", (secret) => secret.type ?? ""),
    column("Data", (secret) => Object.keys(secret.data ?? {}).length, { type: "string" }),
    ageColumn,
  ],
};

/** Secrets: a type is always there and says which keys have to be, and stringData is write-only. */
import type { KindHooks } from "../kinds.ts";
import { configMapKey } from "../names.ts";
import type { AnyObject } from "../meta.ts";
import type { Secret } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { DATA_BYTES, decodedBytes, validateImmutable } from "./config-map.ts";
import { fill } from "./fill.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { secretWarnings } from "./secret-warnings.ts";
import { type Errors, check, invalid, isEmpty, required, sortedEntries, tooLong } from "./validate/errors.ts";

const column = columnsOf<Secret>();
const ACCOUNT = "kubernetes.io/service-account.name";

export const secretHooks: KindHooks = {
  setDefaults: (object) => {
    const { stringData, ...secret } = fill(object, { type: "Opaque" }) as unknown as Secret;
    if (stringData === undefined) return secret as unknown as AnyObject;
    const encoded = Object.entries(stringData).map(([name, text]) => [name, Buffer.from(text, "utf8").toString("base64")] as const);
    return { ...secret, data: { ...secret.data, ...Object.fromEntries(encoded) } } as unknown as AnyObject;
  },
  warnings: (object) => secretWarnings(object as unknown as Secret),
  validate: checking(validateSecret),
  validateUpdate: checkingUpdate((errors, next: Secret, old: Secret) => {
    immutable(errors, "type", next.type, old.type);
    validateImmutable(errors, next, old, ["data"]);
    validateSecret(errors, next);
  }),
  selectableFields: { type: (object) => (object as unknown as Secret).type ?? "" },
  columns: [
    nameColumn,
    column("Type", (secret) => secret.type ?? ""),
    column("Data", (secret) => Object.keys(secret.data ?? {}).length, { type: "string" }),
    ageColumn,
  ],
};

function validateSecret(errors: Errors, { metadata, data, type }: Secret): void {
  let bytes = 0;
  for (const [key, value] of sortedEntries(data)) {
    check(errors, `data[${key}]`, key, configMapKey);
    bytes += decodedBytes(value);
  }
  if (bytes > DATA_BYTES) tooLong(errors, "data", DATA_BYTES);
  const has = (key: string) => data !== undefined && Object.hasOwn(data, key);
  switch (type) {
    case "kubernetes.io/service-account-token":
      if (isEmpty(metadata.annotations?.[ACCOUNT])) required(errors, `metadata.annotations[${ACCOUNT}]`);
      return;
    case "kubernetes.io/dockercfg":
      return json(errors, ".dockercfg", data);
    case "kubernetes.io/dockerconfigjson":
      return json(errors, ".dockerconfigjson", data);
    case "kubernetes.io/basic-auth":
      if (!has("username") && !has("password")) for (const key of ["username", "password"]) required(errors, `data[${key}]`);
      return;
    case "kubernetes.io/ssh-auth":
      if (isEmpty(data?.["ssh-privatekey"])) required(errors, "data[ssh-privatekey]");
      return;
    case "kubernetes.io/tls":
      for (const key of ["tls.crt", "tls.key"]) if (!has(key)) required(errors, `data[${key}]`);
  }
}

function json(errors: Errors, key: string, data: Secret["data"]): void {
  const encoded = data?.[key];
  if (encoded === undefined) return required(errors, `data[${key}]`);
  const text = Buffer.from(encoded, "base64").toString("utf8");
  try {
    JSON.parse(text);
  } catch {
    invalid(errors, `data[${key}]`, "<secret contents redacted>", jsonWrong(text));
  }
}

/** As Go's decoder says it, as far as the first character tells. */
function jsonWrong(text: string): string {
  const first = text.trimStart()[0];
  return first === undefined || '{["'.includes(first) ? "unexpected end of JSON input" : `invalid character '${first}' looking for beginning of value`;
}

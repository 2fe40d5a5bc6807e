/** Impersonate-User, -Group, -Uid and -Extra-*: as whom a request wants to act, exactly as its headers say it. */
import { ApiError } from "../../api/status.ts";

export interface Wanted {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: { readonly [key: string]: readonly string[] };
}

const extraPrefix = "impersonate-extra-";

/** `headers`: name in lower case and value, one pair per header line. undefined: as oneself. @throws ApiError BadRequest */
export function wantedUser(headers: Iterable<readonly [name: string, value: string]>): Wanted | undefined {
  let name = "";
  let uid = "";
  const groups: string[] = [];
  const extra: { [key: string]: string[] } = Object.create(null);
  for (const [header, value] of headers) {
    if (!header.startsWith("impersonate-")) continue;
    if (header === "impersonate-user") name = value;
    else if (header === "impersonate-uid") uid = value;
    else if (header === "impersonate-group") groups.push(value);
    else if (header.startsWith(extraPrefix)) (extra[extraKey(header)] ??= []).push(value);
  }
  if (name !== "") return { name, uid, groups, extra };
  if (uid === "" && groups.length === 0 && Object.keys(extra).length === 0) return undefined;
  throw new ApiError("BadRequest", `requested ${goUser(uid, groups, extra)} without impersonating a user name`, { atTheDoor: true });
}

export const onlyName = ({ uid, groups, extra }: Wanted): boolean => uid === "" && groups.length === 0 && Object.keys(extra).length === 0;

const goStrings = (values: readonly string[]) => (values.length === 0 ? "[]string(nil)" : `[]string{${values.map((each) => JSON.stringify(each)).join(", ")}}`);

/** What was asked for, as Go prints it. */
function goUser(uid: string, groups: readonly string[], extra: Wanted["extra"]): string {
  const pairs = Object.keys(extra).toSorted().map((key) => `${JSON.stringify(key)}:${goStrings(extra[key] ?? [])}`);
  const extras = pairs.length === 0 ? "map[string][]string(nil)" : `map[string][]string{${pairs.join(", ")}}`;
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${goStrings(groups)}, Extra:${extras}}`;
}

function extraKey(header: string): string {
  const key = header.slice(extraPrefix.length);
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/**
 * Impersonate-User, -Group, -Uid and -Extra-*: who may act as whom is decided by RBAC on the verb "impersonate", for each
 * user, group, uid and extra value asked for (Kubernetes documentation, "User impersonation").
 */
import { ApiError } from "../api/status.ts";
import { AUTHENTICATED, SERVICE_ACCOUNTS, UNAUTHENTICATED, anonymous } from "../api/user.ts";
import type { User } from "../api/user.ts";
import type { Authorizer } from "../auth/auth.ts";
import { mustBeAllowed } from "./forbidden.ts";

const extraPrefix = "impersonate-extra-";
const serviceAccountName = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** `headers`: name in lower case and value, one pair per header line. */
export async function impersonate(
  headers: Iterable<readonly [name: string, value: string]>,
  user: User,
  authorizer: Authorizer,
): Promise<User> {
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
  if (name === "") {
    if (uid === "" && groups.length === 0 && Object.keys(extra).length === 0) return user;
    throw new ApiError("BadRequest", `requested ${goUser(uid, groups, extra)} without impersonating a user name`, { atTheDoor: true });
  }
  const ask = (resource: { group: string; plural: string; name: string; namespace?: string; subresource?: string }) =>
    mustBeAllowed(authorizer, { user, verb: "impersonate", resource: { version: "v1", ...resource } });
  const account = serviceAccountName.exec(name);
  if (account?.[1] !== undefined && account[2] !== undefined) {
    await ask({ group: "", plural: "serviceaccounts", namespace: account[1], name: account[2] });
  } else await ask({ group: "", plural: "users", name });
  for (const group of groups) await ask({ group: "", plural: "groups", name: group });
  if (uid !== "") await ask({ group: "authentication.k8s.io", plural: "uids", name: uid });
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) await ask({ group: "authentication.k8s.io", plural: "userextras", subresource: key, name: value });
  }
  return {
    name,
    ...(uid === "" ? {} : { uid }),
    groups: impliedGroups(name, account?.[1], groups),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

const goStrings = (values: readonly string[]) => (values.length === 0 ? "[]string(nil)" : `[]string{${values.map((each) => JSON.stringify(each)).join(", ")}}`);

/** What was asked for, as Go prints it. */
function goUser(uid: string, groups: readonly string[], extra: { readonly [key: string]: readonly string[] }): string {
  const pairs = Object.keys(extra).toSorted().map((key) => `${JSON.stringify(key)}:${goStrings(extra[key] ?? [])}`);
  const extras = pairs.length === 0 ? "map[string][]string(nil)" : `map[string][]string{${pairs.join(", ")}}`;
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${goStrings(groups)}, Extra:${extras}}`;
}

/** The groups that authentication itself would have added. */
function impliedGroups(name: string, accountNamespace: string | undefined, asked: readonly string[]): readonly string[] {
  const groups = [...asked];
  if (accountNamespace !== undefined && groups.length === 0) groups.push(SERVICE_ACCOUNTS, `${SERVICE_ACCOUNTS}:${accountNamespace}`);
  const everyone = name === anonymous.name ? UNAUTHENTICATED : AUTHENTICATED;
  if (!groups.includes(everyone)) groups.push(everyone);
  return groups;
}

function extraKey(header: string): string {
  const key = header.slice(extraPrefix.length);
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

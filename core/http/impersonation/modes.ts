/**
 * The ways in which somebody may act as somebody else. The verb "impersonate" alone gives all that the other may do; a
 * constrained mode (KEP-5284) gives it for single requests: "impersonate:<mode>" says as whom, "impersonate-on:<mode>:<verb>"
 * what may be done meanwhile.
 */
import { NODES, SERVICE_ACCOUNTS, type User } from "../../api/user.ts";
import type { Attributes, Authorizer } from "../../auth/auth.ts";
import { forbiddenRequest, mustBeAllowed } from "../forbidden.ts";
import type { Wanted } from "./wanted.ts";
import { onlyName } from "./wanted.ts";

/** What the request itself is about, as its own user would be asked. */
export type Request = Unowned<Attributes>;
type Unowned<T> = T extends unknown ? Omit<T, "user"> : never;

export interface Mode {
  /** undefined: the unconstrained one */
  readonly name: string | undefined;
  readonly serves: (wanted: Wanted, requestor: User) => boolean;
  /** what of the requestor may decide */
  readonly requestor?: (requestor: User) => User;
  /** may act as any of them, not only as the one that is asked for */
  readonly anyName?: boolean;
}

/** In the order in which they are tried. */
export const MODES: readonly Mode[] = [
  {
    name: "associated-node",
    serves: (wanted, requestor) => onlyName(wanted) && nodeName(wanted.name) !== undefined && nodeName(wanted.name) === nodeOf(requestor),
    // that it is the right node has been checked; the decision is the same on all of them
    requestor: (requestor) => ({ ...requestor, extra: { "authentication.kubernetes.io/associated-node-keys": Object.keys(requestor.extra ?? {}).toSorted() } }),
    anyName: true,
  },
  { name: "arbitrary-node", serves: (wanted) => onlyName(wanted) && nodeName(wanted.name) !== undefined },
  { name: "serviceaccount", serves: (wanted) => onlyName(wanted) && serviceAccount(wanted.name) !== undefined },
  { name: "user-info", serves: ({ name }) => nodeName(name) === undefined && serviceAccount(name) === undefined },
  { name: undefined, serves: () => true },
];

const AUTHENTICATION = "authentication.k8s.io";
/** From this many values on, one question about all of them comes first. */
const MANY = 4;

/** The groups that the name itself brings. @throws ApiError Forbidden */
export async function checkMode(mode: Mode, wanted: Wanted, { user, request, authorizer }: { readonly user: User; readonly request: Request; readonly authorizer: Authorizer }): Promise<readonly string[]> {
  const requestor = mode.requestor?.(user) ?? user;
  const constrained = mode.name !== undefined;
  if (constrained) await mustBeAllowed(authorizer, { ...request, user: requestor, verb: `impersonate-on:${mode.name}:${request.verb}` } as Attributes);
  const verb = constrained ? `impersonate:${mode.name}` : "impersonate";
  const group = constrained ? AUTHENTICATION : "";
  const about = (resource: Asked) => ({ user: requestor, verb, resource: { version: "v1", ...resource } });
  const ask = (resource: Asked) => mustBeAllowed(authorizer, about(resource));
  const askAll = (resource: Asked) => ask(resource).then(() => true, () => false);

  const node = constrained ? nodeName(wanted.name) : undefined;
  const account = serviceAccount(wanted.name);
  if (node !== undefined) await ask({ group, plural: "nodes", name: mode.anyName === true ? "*" : node });
  else if (account !== undefined) await ask({ group, plural: "serviceaccounts", ...account });
  else await ask({ group, plural: "users", name: wanted.name });
  if (wanted.uid !== "") await ask({ group: AUTHENTICATION, plural: "uids", name: wanted.uid });

  const refuse = (plural: string, why: string, name?: string) => forbiddenRequest(about({ group: AUTHENTICATION, plural, ...(name === undefined ? {} : { name }) }), why);
  if (constrained && wanted.groups.includes("")) throw refuse("groups", "impersonating the empty string group is not allowed");
  if (constrained && wanted.groups.includes("system:masters")) throw refuse("groups", "impersonating the system:masters group is not allowed", "system:masters");
  if (!(constrained && wanted.groups.length >= MANY && (await askAll({ group, plural: "groups", name: "*" })))) {
    for (const name of wanted.groups) await ask({ group, plural: "groups", name });
  }

  const extra = Object.entries(wanted.extra);
  const wrong = constrained ? extra.map(wrongExtra).find((each) => each !== undefined) : undefined;
  if (wrong !== undefined) throw refuse("userextras", wrong);
  const values = extra.reduce((sum, [, all]) => sum + all.length, 0);
  if (!(constrained && values >= MANY && (await askAll({ group: AUTHENTICATION, plural: "userextras", subresource: "*", name: "*" })))) {
    for (const [key, all] of extra) for (const name of all) await ask({ group: AUTHENTICATION, plural: "userextras", ...(key === "" ? {} : { subresource: key }), name });
  }

  if (node !== undefined) return [NODES];
  if (account !== undefined && wanted.groups.length === 0) return [SERVICE_ACCOUNTS, `${SERVICE_ACCOUNTS}:${account.namespace}`];
  return wanted.groups;
}

interface Asked {
  readonly group: string;
  readonly plural: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

const PREFIXED_PATH = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

function wrongExtra([key, values]: readonly [string, readonly string[]]): string | undefined {
  if (key === "") return "impersonating the empty string key in extra is not allowed";
  if (!key.includes("/")) return `impersonating an invalid key in extra is not allowed: extra.key: Invalid value: ${JSON.stringify(key)}: must be a domain-prefixed path (such as "acme.io/foo")`;
  if (!PREFIXED_PATH.test(key)) return `impersonating an invalid key in extra is not allowed: extra.key: Invalid value: ${JSON.stringify(key)}: Invalid path`;
  return values.includes("") ? "impersonating the empty string value in extra is not allowed" : undefined;
}

const NODE_NAME = /^system:node:([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$/;

function nodeName(user: string): string | undefined {
  const name = NODE_NAME.exec(user)?.[1];
  return name === undefined || name.length > 253 ? undefined : name;
}

function serviceAccount(user: string): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

/** The node of the pod that the requestor's token is bound to. */
function nodeOf({ name, extra }: User): string | undefined {
  const [node, ...more] = extra?.["authentication.kubernetes.io/node-name"] ?? [];
  return serviceAccount(name) === undefined || more.length > 0 ? undefined : node;
}

/**
 * Who may act as whom is decided by RBAC, for each user, group, uid and extra value asked for (Kubernetes documentation,
 * "User impersonation"). The mode that served somebody last is tried first: its refusal is then the one that is told.
 */
import { AUTHENTICATED, UNAUTHENTICATED, anonymous } from "../../api/user.ts";
import type { User } from "../../api/user.ts";
import type { Authorizer } from "../../auth/auth.ts";
import type { Mode, Request } from "./modes.ts";
import { MODES, checkMode } from "./modes.ts";
import type { Wanted } from "./wanted.ts";
import { wantedUser } from "./wanted.ts";

/** The user as whom a request goes on. @throws ApiError BadRequest, Forbidden */
export type Impersonate = (headers: Iterable<readonly [name: string, value: string]>, user: User, request: () => Request) => Promise<User>;

/** Users whose last mode is remembered. */
const REMEMBERED_MAX = 1_000;

export function openImpersonation(authorizer: Authorizer): Impersonate {
  const lastOf = new Map<string, Mode>();

  function remember(name: string, mode: Mode): void {
    lastOf.delete(name);
    lastOf.set(name, mode);
    const [oldest] = lastOf.keys();
    if (lastOf.size > REMEMBERED_MAX && oldest !== undefined) lastOf.delete(oldest);
  }

  return async (headers, user, request) => {
    const wanted = wantedUser(headers);
    if (wanted === undefined) return user;
    const last = lastOf.get(user.name);
    const asked = { user, request: request(), authorizer };
    let refused: unknown;
    for (const mode of last === undefined ? MODES : [last, ...MODES.filter((each) => each !== last)]) {
      if (!mode.serves(wanted, user)) continue;
      try {
        const groups = await checkMode(mode, wanted, asked);
        remember(user.name, mode);
        return become(wanted, groups);
      } catch (error) {
        refused ??= error;
      }
    }
    throw refused;
  };
}

function become({ name, uid, extra }: Wanted, groups: readonly string[]): User {
  return {
    name,
    ...(uid === "" ? {} : { uid }),
    groups: withEveryone(name, groups),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** The group that authentication itself would have added. */
function withEveryone(name: string, groups: readonly string[]): readonly string[] {
  if (name !== anonymous.name && groups.includes(UNAUTHENTICATED)) return groups;
  const everyone = name === anonymous.name ? UNAUTHENTICATED : AUTHENTICATED;
  return groups.includes(everyone) ? groups : [...groups, everyone];
}

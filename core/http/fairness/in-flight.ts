/** The simple limit: so many reads and so many writes at once, whoever they are from. Administrators and streams are not counted. */
import { MASTERS } from "../../api/user.ts";
import { isMutating, isStream } from "./asked.ts";
import type { RequestLimit, Ticket } from "./limit.ts";
import { tooManyRequests } from "./limit.ts";

export interface InFlightLimits {
  /** 0: no limit */
  readonly reads: number;
  readonly writes: number;
}

const free: Ticket = { headers: {}, done() {} };

export function inFlightLimit({ reads, writes }: InFlightLimits): RequestLimit {
  const kinds = {
    readOnly: { limit: reads, running: 0, refused: 0 },
    mutating: { limit: writes, running: 0, refused: 0 },
  };
  return {
    admit(asked) {
      const kind = isMutating(asked) ? kinds.mutating : kinds.readOnly;
      if (kind.limit === 0 || isStream(asked) || asked.user.groups.includes(MASTERS)) return free;
      if (kind.running >= kind.limit) {
        kind.refused++;
        throw tooManyRequests();
      }
      kind.running++;
      return { headers: {}, done: () => void kind.running-- };
    },
    load: () => Object.entries(kinds).map(([level, { limit, running, refused }]) => ({ level, running, waiting: 0, refused, seats: limit })),
  };
}

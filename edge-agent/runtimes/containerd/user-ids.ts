/**
 * Which ids of the host stand for the users of a pod with a user namespace (KEP-127): each such pod has 65,536 of its own
 * for as long as it exists, so that what one of them leaves on the device is nobody's in the others.
 */
import type { Pod } from "../../../core/api/types.gen.ts";
import { NAMESPACE, type M } from "./messages.ts";

export const IDS_PER_POD = 65_536;
/** uid_t has 32 bits; the first block is the host's own, the last one holds the id that means "none". */
const MAX_BLOCKS = 2 ** 32 / IDS_PER_POD - 1;

export interface UserIds {
  /** the first id of the pod's block; the same for each call until it is released. @throws Error when all are taken */
  claim(uid: string): Promise<number>;
  release(uid: string): void;
}

/** `inUse`: blocks of the pods that were here before this agent, by uid; asked once */
export function userIds(inUse: () => Promise<Iterable<readonly [string, number]>>): UserIds {
  let known: Promise<Map<string, number>> | undefined;
  const blocks = () => {
    known ??= inUse().then((found) => new Map(found));
    // a runtime that did not answer is asked again
    known.catch(() => (known = undefined));
    return known;
  };
  return {
    async claim(uid) {
      const taken = await blocks();
      const own = taken.get(uid) ?? firstFree(new Set(taken.values()));
      taken.set(uid, own);
      return own;
    },
    release: (uid) => void known?.then((taken) => taken.delete(uid)).catch(() => {}),
  };
}

function firstFree(taken: ReadonlySet<number>): number {
  for (let block = 1; block < MAX_BLOCKS; block++) if (!taken.has(block * IDS_PER_POD)) return block * IDS_PER_POD;
  throw new Error("no host ids are left for another pod with a user namespace");
}

export function wantsUserNamespace(pod: Pod): boolean {
  return pod.spec?.hostUsers === false;
}

/** `firstId`: of the pod's block; undefined: the pod shares the host's users */
export function userNamespace(firstId: number | undefined): M<"UserNamespace"> {
  if (firstId === undefined) return { mode: NAMESPACE.node };
  const mapping = idMapping(firstId);
  return { mode: NAMESPACE.pod, uids: mapping, gids: mapping };
}

export function idMapping(firstId: number): readonly M<"IDMapping">[] {
  return [{ host_id: firstId, container_id: 0, length: IDS_PER_POD }];
}

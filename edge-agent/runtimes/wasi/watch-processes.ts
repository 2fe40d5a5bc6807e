/** What nobody tells about processes of components is seen by looking, each at its own pace. */
import type { Clock } from "../../../core/api/clock.ts";
import type { Log } from "../../../core/api/log.ts";
import { componentState, DEFAULT_REQUEST_TIMEOUT_MS, endIfStuck } from "../../../wasm-runtime/process.ts";
import { endIfHeld } from "../../../wasm-runtime/shared-process.ts";
import type { PodState } from "./state.ts";

export interface ProcessWatch {
  /** there may be a shared process where there was none */
  groupsChanged(): void;
  close(): void;
}

interface Watched {
  readonly state: PodState;
  /** container → pod: processes of an earlier agent, which are not our children */
  readonly adopted: Map<string, string>;
  readonly groups: ReadonlySet<string>;
  readonly groupDirectory: (group: string) => string;
  /** the process of this state directory is gone */
  readonly ended: (stateDir: string) => void;
  /** @param uid undefined: any pod */
  readonly changed: (uid: string | undefined) => void;
  readonly clock: Clock;
  readonly log: Log;
}

const ADOPTED_CHECK_MS = 500;
const STUCK_CHECK_MS = 5000;
const HELD_CHECK_MS = 1000;

export function watchProcesses({ state, adopted, groups, groupDirectory, ended, changed, clock, log }: Watched): ProcessWatch {
  const adoptedOnes = whileNeeded(clock, ADOPTED_CHECK_MS, () => adopted.size > 0, lookAtAdopted);
  const stuckOnes = whileNeeded(clock, STUCK_CHECK_MS, () => true, endStuck);
  const heldOnes = whileNeeded(clock, HELD_CHECK_MS, () => groups.size > 0, endHeld);

  function lookAtAdopted(): void {
    for (const [id, uid] of adopted) {
      const found = state.find(id);
      if (found !== undefined && componentState(state.processDirectoryOf(found.sandboxId, found.record)).state === "running") continue;
      adopted.delete(id);
      if (found !== undefined) ended(state.processDirectoryOf(found.sandboxId, found.record));
      changed(uid);
    }
  }

  /** Services that are in one request for too long, which only somebody outside can end. */
  function endStuck(): void {
    for (const sandbox of state.sandboxes()) {
      for (const { id, name, requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS } of state.containers(sandbox.id)) {
        if (!endIfStuck(state.directoryOf(sandbox.id, id), requestTimeoutMs, clock.now())) continue;
        log.warn({ pod: sandbox.name, container: name }, "a component was ended: one request took too long");
        changed(sandbox.uid);
      }
    }
  }

  /** Shared processes that one component does not give way in. They are few, and their neighbours wait: asked more often. */
  function endHeld(): void {
    for (const group of groups) {
      const components = endIfHeld(groupDirectory(group), clock.now()).length;
      if (components === 0) continue;
      log.warn({ group, components }, "a shared process was ended: one of its components did not give way");
      changed(undefined);
    }
  }

  return {
    groupsChanged: heldOnes.again,
    close() {
      for (const watch of [adoptedOnes, stuckOnes, heldOnes]) watch.close();
    },
  };
}

/** Looks at intervals as long as there is something to look at; `again` begins anew. */
function whileNeeded(clock: Clock, intervalMs: number, needed: () => boolean, look: () => void): { again(): void; close(): void } {
  let stop: (() => void) | undefined;
  let closed = false;
  function again(): void {
    stop?.();
    if (closed || !needed()) return;
    stop = clock.after(intervalMs, () => {
      look();
      again();
    });
  }
  again();
  return {
    again,
    close() {
      closed = true;
      stop?.();
    },
  };
}

/** containerd's events as hints that something changed. */
import { sleep, type Clock } from "../../../core/api/clock.ts";
import type { Cri } from "./cri.ts";

/** Between two attempts to follow them. */
const EVENTS_PAUSE_MS = 1_000;
/** What happens without the agent having done it: it looks by itself after each of its own calls. */
const UNASKED: ReadonlySet<string> = new Set(["/tasks/exit", "/tasks/oom"]);

/** Events only say that it is worth looking; what was missed while the daemon was away is seen by looking, too. */
export async function followEvents(cri: Cri, { clock, signal, revive, hint }: { readonly clock: Clock; readonly signal: AbortSignal; readonly revive: () => Promise<void>; readonly hint: () => void }): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const { topic = "" } of cri.events(signal)) if (UNASKED.has(topic)) hint();
    } catch {
      // the pause below, then again
    }
    // the end of the events is the first sign of a daemon that is gone
    if (!signal.aborted) await revive();
    hint();
    await sleep(clock, EVENTS_PAUSE_MS, signal);
  }
}

/**
 * Endpoints whose connections are over: those that are listed no more, and those that lost their readiness and do not
 * answer any more. A pod that merely fails its readiness probe keeps the connections it has, as in Kubernetes; a device
 * without power fails the same way and keeps nothing, and only asking tells one from the other.
 */
import type { Clock } from "../../core/api/clock.ts";
import { targetText, type Target } from "./service-routes.ts";

export interface GoneEndpoints {
  /** what the slices say now. `silent`: of those listed, the ones that neither serve nor end */
  look(listed: readonly Target[], silent: readonly Target[]): void;
  list(): readonly Target[];
  close(): void;
}

export interface GoneParts {
  /** whether somebody is there: a connection, or a refusal */
  readonly answers: (target: Target) => Promise<boolean>;
  /** the list has changed by itself */
  readonly onChange: () => void;
  readonly clock: Clock;
}

/** The oldest are forgotten first; their clients wait as they would without any of this. */
export const MAX_GONE = 1024;
/** One that answered may have lost its power since. */
const ASK_AGAIN_MS = 10_000;

export function goneEndpoints({ answers, onChange, clock }: GoneParts): GoneEndpoints {
  const gone = new Map<string, Target>();
  let listed = new Map<string, Target>();
  /** asked or about to be asked again → cancel */
  const suspects = new Map<string, () => void>();
  let closed = false;

  const add = (text: string, target: Target) => {
    gone.delete(text);
    gone.set(text, target);
    const [oldest = ""] = gone.keys();
    if (gone.size > MAX_GONE) gone.delete(oldest);
  };

  const ask = async (text: string, target: Target) => {
    const there = await answers(target);
    if (closed || !suspects.has(text)) return;
    if (there === gone.has(text)) {
      if (there) gone.delete(text);
      else add(text, target);
      onChange();
    }
    suspects.set(text, clock.after(ASK_AGAIN_MS, () => void ask(text, target)));
  };

  return {
    look(all, silent) {
      const now = new Map(all.map((target) => [targetText(target), target]));
      const doubtful = new Map(silent.map((target) => [targetText(target), target]));
      for (const [text, target] of listed) if (!now.has(text)) add(text, target);
      for (const text of now.keys()) if (!doubtful.has(text)) gone.delete(text);
      for (const [text, cancel] of suspects) {
        if (doubtful.has(text)) continue;
        cancel();
        suspects.delete(text);
      }
      for (const [text, target] of doubtful) {
        if (suspects.has(text)) continue;
        suspects.set(text, () => {});
        void ask(text, target);
      }
      listed = now;
    },
    list: () => [...gone.values()],
    close() {
      closed = true;
      for (const cancel of suspects.values()) cancel();
      suspects.clear();
    },
  };
}

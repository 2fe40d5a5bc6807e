/** Whether a device is to be asked, or counts as lost: the decision of presence.ts, which has the reasons. Pure. */
import type { Pod } from "../api/types.gen.ts";
import { RECONNECT_MAX_MS } from "../wire/backoff.ts";

export interface PresenceLimits {
  /** silence of a device with movable pods until it is asked */
  readonly askAfterMs: number;
  /** the same for a device without */
  readonly askIdleAfterMs: number;
  /** between two questions */
  readonly askAgainMs: number;
  /** without an answer since the first question */
  readonly patienceMs: number;
  /** from a closed connection to the next session */
  readonly returnMs: number;
  /** from the start of server or broker to the first session */
  readonly firstReturnMs: number;
  /** true: every device is treated as if it had movable pods */
  readonly watchIdle: boolean;
}

export const PRESENCE_LIMITS: PresenceLimits = {
  askAfterMs: 8_000,
  askIdleAfterMs: 300_000,
  askAgainMs: 2_000,
  patienceMs: 5_000,
  returnMs: 10_000,
  firstReturnMs: RECONNECT_MAX_MS + 15_000,
  watchIdle: false,
};

/** What is known of one device; moments are monotonic milliseconds. */
export interface Device {
  /** "lost" until it is heard again, "away" without a session */
  state: "present" | "away" | "lost";
  heardAt: number;
  /** first question since it was heard; 0: none */
  askedAt: number;
  lastAskedAt: number;
  /** while away: the moment by which it has to be back */
  dueAt: number;
  /** false: the broker says that its connection is closed, so asking is no use */
  connected: boolean;
  /** to the next question while it is away or lost */
  pauseMs: number;
}

export type Verdict = "fine" | "ask" | "lose";

export function judge(device: Readonly<Device>, now: number, movable: boolean, limits: PresenceLimits): Verdict {
  if (device.state === "away" && now >= device.dueAt) return "lose";
  if (device.state !== "present") return device.connected && now - device.lastAskedAt >= device.pauseMs ? "ask" : "fine";
  if (device.askedAt > 0) {
    if (now - device.askedAt >= limits.patienceMs) return "lose";
    return now - device.lastAskedAt >= limits.askAgainMs ? "ask" : "fine";
  }
  return now - device.heardAt >= (movable || limits.watchIdle ? limits.askAfterMs : limits.askIdleAfterMs) ? "ask" : "fine";
}

/** Another device could run it: losing this one is a reason to act. */
export function isMovable(pod: Pod): boolean {
  if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") return false;
  if (pod.metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined) return false;
  return !(pod.metadata.ownerReferences ?? []).some(({ kind, controller }) => kind === "DaemonSet" && controller === true);
}

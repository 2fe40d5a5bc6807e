/**
 * Waiting longer after each failure. The rules are those kubelet users know: the first failure is retried at once, then
 * 10 s, 20 s, … up to 5 minutes, and twice the cap without failure starts over. Values in, values out.
 */
export interface Backoff {
  readonly delayMs: number;
  /** when the delay was last extended */
  readonly since: number;
}

export interface BackoffRule {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** Kubernetes documentation, "Pod lifecycle": container restarts; image pulls use the same numbers. */
export const CRASH_LOOP: BackoffRule = { initialMs: 10_000, maxMs: 300_000 };
export const IMAGE_PULL: BackoffRule = { initialMs: 10_000, maxMs: 300_000 };
/** Sandboxes, volumes, container creation: local problems, often over within seconds. */
export const LOCAL: BackoffRule = { initialMs: 1_000, maxMs: 60_000 };

/** The moment from which a failure at `failedAt` may be retried. */
export function retryAt(backoff: Backoff | undefined, failedAt: number, rule: BackoffRule): number {
  if (backoff === undefined || expired(backoff, failedAt, rule)) return failedAt;
  return failedAt + backoff.delayMs;
}

/** The backoff after acting once more at `now`; `failedAt` is when the failure that led to it happened. */
export function extend(backoff: Backoff | undefined, failedAt: number, now: number, rule: BackoffRule): Backoff {
  if (backoff === undefined || expired(backoff, failedAt, rule)) return { delayMs: rule.initialMs, since: now };
  return { delayMs: Math.min(backoff.delayMs * 2, rule.maxMs), since: now };
}

function expired(backoff: Backoff, failedAt: number, rule: BackoffRule): boolean {
  return failedAt - backoff.since > 2 * rule.maxMs;
}

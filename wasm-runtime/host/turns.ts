/**
 * Requests of a service that has its process to itself: one at a time is in the guest, because it runs synchronously. A guest
 * that traps answers 500, one that does not return answers 504; both are replaced by a fresh instance, and the next request
 * goes on.
 */
import { guard, TimeoutError } from "./guard.ts";
import type { IncomingRequest, ResponseOutparam } from "./http-types.ts";
import { argumentsOf, complete, giveUp } from "./serve.ts";
import type { Arrived } from "./serve.ts";

/** Requests that wait for their turn in the guest; pipelining clients could otherwise queue without end. */
export const MAX_WAITING = 4096;
/** Requests share one arming of the time limit for this long: short against the limit, long against the arming. */
const TURN_MS = 20;

export interface TurnOptions {
  /** runs the guest and throws when it traps */
  readonly handle: (request: IncomingRequest, out: ResponseOutparam) => void;
  /** the guest trapped or ran out of time: its instance is not to be used again */
  readonly failed: (error: unknown) => void;
  /** how long the guest may take for one request */
  readonly timeoutMs: number;
}

/** @returns what takes a request; false: too many wait */
export function inTurns({ handle, failed, timeoutMs }: TurnOptions): (arrived: Arrived) => boolean {
  const waiting: Arrived[] = [];
  let current: Arrived | undefined;
  const within = guard();

  function fail(error: unknown): void {
    if (current !== undefined) giveUp(current, error instanceof TimeoutError);
    failed(error);
  }

  /** Those that wait go into the guest one after another; what one of them does, the others do not notice. */
  function turn(): void {
    const began = performance.now();
    try {
      within(timeoutMs, () => {
        while (waiting.length > 0 && performance.now() - began < TURN_MS) {
          current = waiting.shift();
          if (current === undefined || current.response.destroyed) continue;
          try {
            const [request, out] = argumentsOf(current);
            handle(request, out);
            complete(current, out);
          } catch (error) {
            fail(error);
          }
        }
      });
    } catch (error) {
      fail(error);
    }
    current = undefined;
    if (waiting.length > 0) setImmediate(turn);
  }

  return (arrived) => {
    if (waiting.length >= MAX_WAITING) return false;
    if (waiting.push(arrived) === 1 && current === undefined) setImmediate(turn);
    return true;
  };
}

/**
 * Requests of a service in a shared process: one at a time is in its guest, which may be set aside meanwhile. A guest that traps
 * answers 500, one that takes too long 504; both are replaced by a fresh instance, and the next request goes on.
 */
import type { IncomingRequest, ResponseOutparam } from "./http-types.ts";
import { argumentsOf, complete, giveUp } from "./serve.ts";
import type { Arrived } from "./serve.ts";
import { MAX_WAITING } from "./turns.ts";

export interface RequestOptions {
  /** resolves when the guest has returned. @throws what it trapped with */
  readonly handle: (request: IncomingRequest, out: ResponseOutparam) => Promise<void>;
  /** the guest trapped or ran out of time: its instance is not to be used again */
  readonly failed: (error: unknown) => void;
  /** how long the guest may take for one request */
  readonly timeoutMs: number;
}

/** @returns what takes a request; false: too many wait */
export function one({ handle, failed, timeoutMs }: RequestOptions): (arrived: Arrived) => boolean {
  const waiting: Arrived[] = [];
  let busy = false;

  async function answer(arrived: Arrived): Promise<void> {
    const [request, out] = argumentsOf(arrived);
    let timer: NodeJS.Timeout | undefined;
    let timedOut = false;
    const limit = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        timedOut = true;
        reject(new Error(`it took longer than ${timeoutMs} ms`));
      }, timeoutMs);
    });
    try {
      await Promise.race([handle(request, out), limit]);
      complete(arrived, out);
    } catch (error) {
      giveUp(arrived, timedOut);
      failed(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async function next(): Promise<void> {
    busy = true;
    for (let arrived = waiting.shift(); arrived !== undefined; arrived = waiting.shift()) if (!arrived.response.destroyed) await answer(arrived);
    busy = false;
  }

  return (arrived) => {
    if (waiting.length >= MAX_WAITING) return false;
    waiting.push(arrived);
    if (!busy) void next();
    return true;
  };
}

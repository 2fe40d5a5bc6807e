/**
 * The device as its runtimes see it. One listing at a time; whoever asks while one is on its way gets the next one,
 * because only a listing that began after a change is sure to show it. A runtime that does not answer keeps its last
 * listing: silence is no reason to believe that its pods are gone.
 */
import type { Log } from "../core/api/log.ts";
import { onceMore } from "./once-more.ts";
import type { RunningPod, Runtime } from "./runtimes/runtime.ts";

export interface Observed {
  readonly runtime: Runtime;
  readonly pod: RunningPod;
}

export interface Observer {
  /** by pod uid, as of the last listing */
  pods(): ReadonlyMap<string, Observed>;
  /** true once every runtime was listed */
  complete(): boolean;
  /** resolves after a listing that began after this call */
  refresh(): Promise<void>;
}

/** `ahead`: milliseconds from the system's clock, by which runtimes tell times, to the device's own */
export function observer(runtimes: readonly Runtime[], log: Log, enrich: (pod: RunningPod) => Promise<RunningPod> = async (pod) => pod, ahead: () => number = () => 0): Observer {
  const byRuntime = new Map<Runtime, readonly RunningPod[]>();
  let merged = new Map<string, Observed>();

  const list = async () => {
    await Promise.all(
      runtimes.map(async (runtime) => {
        try {
          byRuntime.set(runtime, await Promise.all((await runtime.pods()).map((pod) => enrich(later(pod, ahead())))));
        } catch (error) {
          log.warn({ runtime: runtime.handler, error: String(error) }, "the runtime could not be listed");
        }
      }),
    );
    merged = new Map([...byRuntime].flatMap(([runtime, pods]) => pods.map((pod) => [pod.uid, { runtime, pod }] as const)));
  };
  return {
    pods: () => merged,
    complete: () => runtimes.every((runtime) => byRuntime.has(runtime)),
    refresh: onceMore(list),
  };
}

/** Everything in it happened `ms` later than it says. */
function later(pod: RunningPod, ms: number): RunningPod {
  if (ms === 0) return pod;
  return {
    ...pod,
    createdAt: pod.createdAt + ms,
    containers: pod.containers.map((container) => ({
      ...container,
      createdAt: container.createdAt + ms,
      ...(container.startedAt === undefined ? {} : { startedAt: container.startedAt + ms }),
      ...(container.finishedAt === undefined ? {} : { finishedAt: container.finishedAt + ms }),
    })),
  };
}

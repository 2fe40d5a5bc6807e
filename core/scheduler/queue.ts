/**
 * Pods that wait for a node. Active ones are taken by priority, then in order of arrival. A pod that fits nowhere is set
 * aside until something changes that could help it, and then comes back after a back-off that grows with its attempts.
 */
import type { Clock } from "../api/clock.ts";
import type { PodInfo } from "./pod-info.ts";

export interface PodQueue {
  /** adds a pod, or replaces what is known of one that waits */
  add(pod: PodInfo): void;
  remove(uid: string): void;
  /** the next pod to decide; it is out of the queue then */
  take(): PodInfo | undefined;
  /** the pod fits nowhere */
  setAside(pod: PodInfo): void;
  /** something happened after which pods set aside may fit */
  retryAll(): void;
  readonly active: number;
  readonly waiting: number;
}

/** Back-off of a pod that failed: kube-scheduler's podInitialBackoffSeconds and podMaxBackoffSeconds. */
export const BACKOFF_FIRST_MS = 1_000;
export const BACKOFF_CAP_MS = 10_000;
/** Pods set aside are tried again after this even if nothing happened that is known to help. */
export const FLUSH_MS = 300_000;

interface Aside {
  readonly pod: PodInfo;
  readonly readyAt: number;
  readonly cancel: () => void;
}

export function podQueue(clock: Clock, wake: () => void): PodQueue {
  /** priority → pods in order of arrival */
  const active = new Map<number, Map<string, PodInfo>>();
  let priorities: number[] = [];
  let size = 0;
  const aside = new Map<string, Aside>();
  /** asked to come back, until their back-off is over */
  const returning = new Map<string, { readonly pod: PodInfo; readonly cancel: () => void }>();
  const attempts = new Map<string, number>();

  function activate(pod: PodInfo): void {
    let line = active.get(pod.priority);
    if (line === undefined) {
      line = new Map();
      active.set(pod.priority, line);
      priorities = [...active.keys()].toSorted((a, b) => b - a);
    }
    if (!line.has(pod.uid)) size++;
    line.set(pod.uid, pod);
    wake();
  }

  function drop(uid: string): void {
    aside.get(uid)?.cancel();
    aside.delete(uid);
    returning.get(uid)?.cancel();
    returning.delete(uid);
    for (const line of active.values()) if (line.delete(uid)) size--;
  }

  function comeBack({ pod, readyAt, cancel }: Aside): void {
    cancel();
    aside.delete(pod.uid);
    const wait = readyAt - clock.monotonic();
    if (wait <= 0) return activate(pod);
    const stop = clock.after(wait, () => {
      returning.delete(pod.uid);
      activate(pod);
    });
    returning.set(pod.uid, { pod, cancel: stop });
  }

  return {
    add(pod) {
      drop(pod.uid);
      activate(pod);
    },
    remove(uid) {
      drop(uid);
      attempts.delete(uid);
    },
    take() {
      for (const priority of priorities) {
        const line = active.get(priority);
        const first = line?.values().next().value;
        if (first === undefined) continue;
        line?.delete(first.uid);
        size--;
        return first;
      }
      return undefined;
    },
    setAside(pod) {
      const tried = (attempts.get(pod.uid) ?? 0) + 1;
      attempts.set(pod.uid, tried);
      const backoff = Math.min(BACKOFF_FIRST_MS * 2 ** (tried - 1), BACKOFF_CAP_MS);
      drop(pod.uid);
      const readyAt = clock.monotonic() + backoff;
      const cancel = clock.after(FLUSH_MS, () => {
        const waiting = aside.get(pod.uid);
        if (waiting !== undefined) comeBack(waiting);
      });
      aside.set(pod.uid, { pod, readyAt, cancel });
    },
    retryAll() {
      for (const waiting of aside.values()) comeBack(waiting);
    },
    get active() {
      return size;
    },
    get waiting() {
      return aside.size + returning.size;
    },
  };
}

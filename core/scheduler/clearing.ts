/**
 * Nodes that are being cleared: which pods leave, and which wait for their room. Who waits here is in no queue: the end of
 * the last victim wakes it and nothing else does, because thousands of preemptors that look again at every deletion would
 * cost more than all their decisions.
 */
import type { PodInfo } from "./pod-info.ts";

export interface Clearing {
  /** `victims` are told to leave `node`, `pod` waits for that */
  begin(pod: PodInfo, node: string, victims: readonly PodInfo[]): void;
  /** the pod was told to leave */
  isLeaving(uid: string): boolean;
  /** true, and the pod waits on, while there are victims on the node that is cleared for it */
  keeps(pod: PodInfo): boolean;
  /** The victim is gone, or stays after all. @returns who need wait no longer */
  ended(victim: string): readonly PodInfo[];
  /** @returns who waited for room on a node that is gone; they are forgotten */
  nodeGone(node: string): readonly PodInfo[];
  /** the pod needs no room any more; false if none was made for it */
  forget(uid: string): boolean;
  /** pods that wait here */
  readonly waiting: number;
}

interface Place {
  readonly victims: Set<string>;
  readonly waiting: Map<string, PodInfo>;
}

export function clearing(): Clearing {
  const places = new Map<string, Place>();
  /** node of each victim, and of each pod that gets its room */
  const leaving = new Map<string, string>();
  const promised = new Map<string, string>();
  let waiting = 0;

  function wait(place: Place, pod: PodInfo): void {
    if (!place.waiting.has(pod.uid)) waiting++;
    place.waiting.set(pod.uid, pod);
  }

  function dropIfEmpty(node: string, { victims, waiting: pods }: Place): void {
    if (victims.size === 0 && pods.size === 0) places.delete(node);
  }

  function release(place: Place): readonly PodInfo[] {
    const free = [...place.waiting.values()];
    place.waiting.clear();
    waiting -= free.length;
    return free;
  }

  function forget(uid: string): boolean {
    const node = promised.get(uid);
    if (node === undefined) return false;
    promised.delete(uid);
    const place = places.get(node);
    if (place?.waiting.delete(uid) === true) waiting--;
    if (place !== undefined) dropIfEmpty(node, place);
    return true;
  }

  return {
    begin(pod, node, victims) {
      const place = places.get(node) ?? { victims: new Set(), waiting: new Map() };
      places.set(node, place);
      for (const { uid } of victims) {
        place.victims.add(uid);
        leaving.set(uid, node);
      }
      promised.set(pod.uid, node);
      wait(place, pod);
    },
    isLeaving: (uid) => leaving.has(uid),
    keeps(pod) {
      const place = places.get(promised.get(pod.uid) ?? "");
      if (place === undefined || place.victims.size === 0) return false;
      wait(place, pod);
      return true;
    },
    ended(victim) {
      const node = leaving.get(victim);
      const place = places.get(node ?? "");
      leaving.delete(victim);
      if (node === undefined || place === undefined) return [];
      place.victims.delete(victim);
      if (place.victims.size > 0) return [];
      const free = release(place);
      dropIfEmpty(node, place);
      return free;
    },
    nodeGone(node) {
      const place = places.get(node);
      const free = place === undefined ? [] : release(place);
      for (const { uid } of free) promised.delete(uid);
      return free;
    },
    forget,
    get waiting() {
      return waiting;
    },
  };
}

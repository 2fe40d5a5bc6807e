/** The rankings in use: one for each class of pods seen lately. */
import type { Cluster } from "./cluster.ts";
import { nodeFilters } from "./filters.ts";
import { CONTAINER_HANDLER, classKey, matchable, podClass } from "./pod-class.ts";
import type { PodInfo } from "./pod-info.ts";
import { type Ranking, ranking } from "./ranking.ts";

/** Classes remembered. Each costs about 40 bytes a node; fleets run far fewer workloads at the same time. */
const CLASSES_LIMIT = 128;

export interface Rankings {
  of(pod: PodInfo): Ranking;
}

/** `handlerOf` resolves spec.runtimeClassName. */
export function rankings(state: Cluster, handlerOf: (runtimeClass: string) => string | undefined): Rankings {
  /** in order of last use */
  const known = new Map<string, Ranking>();
  const filters = nodeFilters(state.slots);

  function make(key: string, pod: PodInfo, handler: string): Ranking {
    const { matchedBy, matches } = state.terms;
    const made = ranking(podClass(key, pod, handler, { acquire: state.acquire, matches, matchedBy }), state, filters);
    if (known.size >= CLASSES_LIMIT) {
      const [oldest] = known;
      if (oldest !== undefined) {
        known.delete(oldest[0]);
        for (const term of oldest[1].pods.acquired) state.terms.release(term);
      }
    }
    return made;
  }

  return {
    of(pod) {
      const runtimeClass = pod.pod.spec?.runtimeClassName;
      const named = runtimeClass === undefined ? "" : (handlerOf(runtimeClass) ?? runtimeClass);
      const handler = named === CONTAINER_HANDLER ? "" : named;
      const key = classKey(pod, handler, state.terms.matchedBy(matchable(pod)));
      const there = known.get(key);
      const found = there ?? make(key, pod, handler);
      if (there !== undefined) known.delete(key);
      known.set(key, found);
      return found;
    },
  };
}

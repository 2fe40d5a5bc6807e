/**
 * Deletes pods that nobody else will: bound to a node that is gone, deleted before they were bound, left on a node
 * declared out of service (KEP-2268), or finished and too many.
 */
import type { Client } from "../api/client.ts";
import { timestamp } from "../api/clock.ts";
import { NODES, PODS } from "../api/resources.gen.ts";
import { isReason, unlessGone } from "../api/status.ts";
import type { Node, Pod } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import { withCondition } from "./conditions.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { isFinished, isTerminating } from "./pod-state.ts";
import { isNodeReady } from "./zone-disruption.ts";

/** All in one key: each run looks at every pod once. */
const KEY = "pods";
const PERIOD_MS = 20_000;
/** A run looks at every pod, and every heartbeat of a node asks for one. */
const BETWEEN_RUNS_MS = 1_000;
/** A node may be missing only because it registers again: its pods wait this long. */
export const QUARANTINE_MS = 40_000;
/** --terminated-pod-gc-threshold */
export const TERMINATED_LIMIT = 12_500;
const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";

export interface Waste {
  readonly pod: Pod;
  /** why it counts as disrupted; undefined: it is deleted without a word */
  readonly message?: string;
}

export function podGarbageCollector(deps: ControllerDeps, terminatedLimit = TERMINATED_LIMIT): Controller {
  const { client } = actor(deps, "pod-garbage-collector");
  const nodes = deps.informers.of(NODES);
  const pods = deps.informers.of(PODS);
  /** nodes that pods are bound to and that are not there, since when */
  const missing = new Map<string, number>();

  async function missingNodes(now: number): Promise<ReadonlySet<string>> {
    const bound = new Set(pods.list().map(({ spec }) => spec?.nodeName ?? ""));
    bound.delete("");
    for (const name of missing.keys()) if (!bound.has(name) || nodes.get(name) !== undefined) missing.delete(name);
    const gone = new Set<string>();
    for (const name of bound) {
      if (nodes.get(name) !== undefined) continue;
      const since = missing.get(name) ?? now;
      missing.set(name, since);
      if (now - since >= QUARANTINE_MS && !(await exists(client, name))) gone.add(name);
    }
    return gone;
  }

  let lastRun = Number.NEGATIVE_INFINITY;

  return {
    name: "pod-garbage-collector",
    workers: 1,
    watches: [
      watching(nodes, () => [KEY]),
      watching(pods, (pod) => {
        const node = pod.spec?.nodeName ?? "";
        return (node === "" ? isTerminating(pod) : nodes.get(node) === undefined) ? [KEY] : [];
      }),
    ],
    async reconcile() {
      const early = lastRun + BETWEEN_RUNS_MS - deps.clock.monotonic();
      if (early > 0) return { afterMs: early };
      lastRun = deps.clock.monotonic();
      const now = deps.clock.now();
      const gone = await missingNodes(lastRun);
      for (const { pod, message } of waste(pods.list(), (name) => nodes.get(name), gone, terminatedLimit)) await remove(client, pod, message, now);
      return { afterMs: PERIOD_MS };
    },
  };
}

async function exists(client: Client, name: string): Promise<boolean> {
  return (await unlessGone(client.get(NODES, { name }))) !== undefined;
}

/** Every pod to delete, each once. */
export function waste(
  pods: readonly Pod[],
  node: (name: string) => Node | undefined,
  gone: ReadonlySet<string>,
  terminatedLimit: number,
): readonly Waste[] {
  const found = new Map<Pod, Waste>();
  const finished = pods.filter((pod) => isFinished(pod) && !isTerminating(pod));
  if (terminatedLimit > 0 && finished.length > terminatedLimit) {
    const oldest = finished.toSorted((a, b) => ((a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? -1 : 1));
    for (const pod of oldest.slice(0, finished.length - terminatedLimit)) found.set(pod, { pod });
  }
  for (const pod of pods) {
    const name = pod.spec?.nodeName ?? "";
    if (name === "") {
      if (isTerminating(pod)) found.set(pod, { pod });
    } else if (gone.has(name)) found.set(pod, { pod, message: "PodGC: node no longer exists" });
    else if (isTerminating(pod)) {
      const there = node(name);
      const abandoned = there !== undefined && !isNodeReady(there) && (there.spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE);
      if (abandoned) found.set(pod, { pod, message: "PodGC: node is out of service" });
    }
  }
  return [...found.values()];
}

async function remove(client: Client, pod: Pod, message: string | undefined, now: number): Promise<void> {
  const { namespace, name = "", uid } = pod.metadata;
  try {
    if (!isFinished(pod)) {
      const conditions =
        message === undefined
          ? undefined
          : withCondition(pod.status?.conditions, {
              type: "DisruptionTarget",
              status: "True",
              reason: "DeletionByPodGC",
              message,
              lastTransitionTime: timestamp(now),
            });
      // a pod that had no end counts as failed: its owner makes another
      const status = { phase: "Failed", ...(conditions === undefined ? {} : { conditions }) };
      await client.patch(PODS, { namespace, name, subresource: "status" }, { type: "merge", patch: { metadata: { uid }, status } });
    }
    await client.delete(PODS, { namespace, name }, { gracePeriodSeconds: 0, ...(uid === undefined ? {} : { preconditions: { uid } }) });
  } catch (error) {
    if (!isReason(error, "NotFound")) throw error;
  }
}

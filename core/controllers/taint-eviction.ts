/** Evicts pods from nodes whose NoExecute taints they do not tolerate, or not for any longer (Kubernetes, "Taints and Tolerations"). */
import { timestamp } from "../api/clock.ts";
import { NODES, PODS } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import { tolerates } from "../api/toleration.ts";
import type { Pod, Taint, Toleration } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import { withCondition } from "./conditions.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { ON_NODE } from "./node-lifecycle.ts";
import { isTerminating } from "./pod-state.ts";

const keyOf = ({ metadata }: Pod) => `${metadata.namespace}/${metadata.name}`;

export function taintEviction(deps: ControllerDeps): Controller {
  const { client, events } = actor(deps, "node-controller", "taint-eviction-controller");
  const nodes = deps.informers.of(NODES);
  const pods = deps.informers.of(PODS);
  pods.addIndex(ON_NODE, (pod) => [pod.spec?.nodeName ?? ""]);
  const evicting = (node: string | undefined) =>
    node === undefined ? [] : (nodes.get(node)?.spec?.taints ?? []).filter(({ effect }) => effect === "NoExecute");

  return {
    name: "taint-eviction",
    workers: 8,
    watches: [
      watching(nodes, ({ metadata }) => (evicting(metadata.name).length === 0 ? [] : pods.by(ON_NODE, metadata.name ?? "").map(keyOf))),
      watching(pods, (pod) => (evicting(pod.spec?.nodeName).length === 0 ? [] : [keyOf(pod)])),
    ],
    async reconcile(key) {
      const pod = pods.get(key);
      if (pod === undefined || isTerminating(pod)) return undefined;
      const now = deps.clock.now();
      const at = evictionTime(evicting(pod.spec?.nodeName), pod.spec?.tolerations ?? [], now);
      if (at === undefined) return undefined;
      if (at > now) return { afterMs: at - now };
      const { namespace, name = "", uid, resourceVersion } = pod.metadata;
      events.record(pod, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${namespace}/${name}`);
      const conditions = withCondition(pod.status?.conditions, {
        type: "DisruptionTarget",
        status: "True",
        reason: "DeletionByTaintManager",
        message: "Taint manager: deleting due to NoExecute taint",
        lastTransitionTime: timestamp(now),
      });
      try {
        const target = { namespace, name };
        await client.patch(PODS, { ...target, subresource: "status" }, { type: "merge", patch: { metadata: { uid, resourceVersion }, status: { conditions } } });
        await client.delete(PODS, target, uid === undefined ? {} : { preconditions: { uid } });
      } catch (error) {
        if (!isReason(error, "NotFound")) throw error;
      }
      return undefined;
    },
  };
}

/** The moment at which the pod has to go, in the past for one that never tolerated; undefined: it may stay. */
export function evictionTime(taints: readonly Taint[], tolerations: readonly Toleration[], now: number): number | undefined {
  let earliest: number | undefined;
  for (const taint of taints) {
    const matching = tolerations.filter((toleration) => tolerates(toleration, taint));
    if (matching.length === 0) return 0;
    const limits = matching.map(({ tolerationSeconds }) => tolerationSeconds).filter((seconds) => seconds !== undefined && seconds !== null);
    if (limits.length === 0) continue;
    const added = typeof taint.timeAdded === "string" ? Date.parse(taint.timeAdded) : now;
    const at = added + Math.max(0, Math.min(...limits)) * 1000;
    if (earliest === undefined || at < earliest) earliest = at;
  }
  return earliest;
}

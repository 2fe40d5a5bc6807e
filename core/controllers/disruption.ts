/** PodDisruptionBudget status: how many pods may be evicted at this moment. The eviction subresource reads and decrements it. */
import { timestamp } from "../api/clock.ts";
import { sameJson } from "../api/json.ts";
import { DEPLOYMENTS, POD_DISRUPTION_BUDGETS, PODS, REPLICA_SETS, REPLICATION_CONTROLLERS, STATEFUL_SETS } from "../api/resources.gen.ts";
import { matchesLabels, selectorOf } from "../api/selector.ts";
import type { Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import { withCondition } from "./conditions.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { portion } from "./deployment-sizes.ts";
import { present } from "./json.ts";
import { controllerOf } from "./owner.ts";
import { isFinished, isReady, isTerminating } from "./pod-state.ts";

/** An eviction that was granted but never became a deletion is forgotten after this long. */
const GRANT_MS = 120_000;

export function disruption(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "disruption-controller");
  const budgets = deps.informers.of(POD_DISRUPTION_BUDGETS);
  const pods = deps.informers.of(PODS);
  const [deployments, replicaSets] = [deps.informers.of(DEPLOYMENTS), deps.informers.of(REPLICA_SETS)];
  const [statefulSets, controllers] = [deps.informers.of(STATEFUL_SETS), deps.informers.of(REPLICATION_CONTROLLERS)];

  /** what the pod's controller is asked to keep; undefined: nobody says */
  function expectedFor(pod: Pod): { readonly uid: string; readonly replicas: number } | undefined {
    const owner = controllerOf(pod);
    if (owner === undefined) return undefined;
    const key = `${pod.metadata.namespace}/${owner.name}`;
    const set = owner.kind === "ReplicaSet" ? replicaSets.get(key) : undefined;
    const parent = set === undefined ? undefined : controllerOf(set);
    const deployment = parent?.kind === "Deployment" ? deployments.get(`${pod.metadata.namespace}/${parent.name}`) : undefined;
    if (deployment !== undefined) return { uid: deployment.metadata.uid ?? "", replicas: deployment.spec?.replicas ?? 1 };
    const found = set ?? (owner.kind === "StatefulSet" ? statefulSets.get(key) : owner.kind === "ReplicationController" ? controllers.get(key) : undefined);
    return found === undefined ? undefined : { uid: owner.uid, replicas: found.spec?.replicas ?? 1 };
  }

  const budgetsOf = (namespace: string | undefined) => budgets.list(namespace).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  return {
    name: "disruption",
    watches: [
      watching(budgets, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]),
      watching(pods, (pod) =>
        budgets
          .list(pod.metadata.namespace)
          .filter((budget) => selects(budget, pod))
          .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
      ),
      watching(deployments, ({ metadata }) => budgetsOf(metadata.namespace)),
      watching(replicaSets, () => []),
      watching(statefulSets, ({ metadata }) => budgetsOf(metadata.namespace)),
      watching(controllers, ({ metadata }) => budgetsOf(metadata.namespace)),
    ],
    async reconcile(key) {
      const budget = budgets.get(key);
      if (budget === undefined) return undefined;
      const members = pods.list(budget.metadata.namespace).filter((pod) => selects(budget, pod) && !isFinished(pod));
      const expected = new Map<string, number>();
      for (const pod of members) {
        const found = expectedFor(pod) ?? { uid: pod.metadata.uid ?? "", replicas: 1 };
        expected.set(found.uid, found.replicas);
      }
      const total = [...expected.values()].reduce((sum, replicas) => sum + replicas, 0);
      const { status, nextMs } = budgetStatus(budget, members, total, deps.clock.now());
      if (!sameJson(status, budget.status)) {
        const { namespace, name = "" } = budget.metadata;
        await client.update(POD_DISRUPTION_BUDGETS, { namespace, name, subresource: "status" }, { ...budget, status });
      }
      return nextMs === undefined ? undefined : { afterMs: nextMs };
    },
  };
}

function selects({ spec }: PodDisruptionBudget, pod: Pod): boolean {
  // policy/v1: an empty selector is every pod of the namespace, none at all is no pod
  return spec?.selector !== undefined && matchesLabels(selectorOf(spec.selector), pod.metadata.labels);
}

/** `total` is what the pods' controllers are asked to keep together. */
export function budgetStatus(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  total: number,
  now: number,
): { readonly status: PodDisruptionBudgetStatus; readonly nextMs: number | undefined } {
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  const expectedPods = typeof minAvailable === "number" || (minAvailable === undefined && maxUnavailable === undefined) ? pods.length : total;
  const desiredHealthy =
    maxUnavailable === undefined ? portion(minAvailable, expectedPods, Math.ceil) : Math.max(0, expectedPods - portion(maxUnavailable, expectedPods, Math.ceil));
  const granted = Object.entries(budget.status?.disruptedPods ?? {}).filter(
    ([name, at]) => Date.parse(at) + GRANT_MS > now && pods.some((pod) => pod.metadata.name === name && !isTerminating(pod)),
  );
  const names = new Set(granted.map(([name]) => name));
  const currentHealthy = pods.filter((pod) => isReady(pod) && !isTerminating(pod) && !names.has(pod.metadata.name ?? "")).length;
  const disruptionsAllowed = expectedPods === 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  const ends = granted.map(([, at]) => Date.parse(at) + GRANT_MS - now);
  return {
    status: present({
      observedGeneration: budget.metadata.generation,
      disruptedPods: granted.length === 0 ? undefined : Object.fromEntries(granted),
      disruptionsAllowed,
      currentHealthy,
      desiredHealthy,
      expectedPods,
      conditions: withCondition(
        budget.status?.conditions,
        present({
          type: "DisruptionAllowed",
          status: disruptionsAllowed > 0 ? ("True" as const) : ("False" as const),
          reason: disruptionsAllowed > 0 ? "SufficientPods" : "InsufficientPods",
          message: "",
          observedGeneration: budget.metadata.generation,
          lastTransitionTime: timestamp(now),
        }),
      ),
    }),
    nextMs: ends.length === 0 ? undefined : Math.max(1, Math.min(...ends)),
  };
}

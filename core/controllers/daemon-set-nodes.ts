/** Which nodes a DaemonSet is for, and which pods to make and to delete. Pure. */
import { allowsNode, selectable } from "../api/node-affinity.ts";
import { isTolerated } from "../api/toleration.ts";
import type { DaemonSet, Node, Pod, PodSpec, Taint, Toleration } from "../api/types.gen.ts";
import { present } from "./json.ts";
import { isAvailable, isFinished, isTerminating } from "./pod-state.ts";

const NOT_READY: readonly Toleration[] = ["not-ready", "unreachable"].map((what) => ({
  key: `node.kubernetes.io/${what}`,
  operator: "Exists",
  effect: "NoExecute",
}));
const PRESSURE: readonly Toleration[] = ["disk-pressure", "memory-pressure", "pid-pressure", "unschedulable"].map((what) => ({
  key: `node.kubernetes.io/${what}`,
  operator: "Exists",
  effect: "NoSchedule",
}));
const HOST_NETWORK: Toleration = { key: "node.kubernetes.io/network-unavailable", operator: "Exists", effect: "NoSchedule" };

/** What every pod of a DaemonSet tolerates: it serves the node in all of its states (Kubernetes, "DaemonSet", tolerations). */
export function daemonTolerations(spec: PodSpec): readonly Toleration[] {
  const own = spec.tolerations ?? [];
  const added = [...NOT_READY, ...PRESSURE, ...(spec.hostNetwork === true ? [HOST_NETWORK] : [])];
  const isOwn = (toleration: Toleration) => own.some(({ key, operator, effect }) => key === toleration.key && operator === toleration.operator && effect === toleration.effect);
  return [...own, ...added.filter((toleration) => !isOwn(toleration))];
}

/** The pod spec for one node: the scheduler binds it there and nowhere else. */
export function pinned(spec: PodSpec, node: string): PodSpec {
  const matchFields = [{ key: "metadata.name", operator: "In" as const, values: [node] }];
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return {
    ...spec,
    tolerations: daemonTolerations(spec),
    affinity: {
      ...spec.affinity,
      nodeAffinity: {
        ...spec.affinity?.nodeAffinity,
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: terms === undefined || terms.length === 0 ? [{ matchFields }] : terms.map((term) => ({ ...term, matchFields })),
        },
      },
    },
  };
}

/** The node a daemon pod is bound to, or pinned to while it waits for the scheduler. */
export function nodeOf(pod: Pod): string | undefined {
  const { nodeName, affinity } = pod.spec ?? {};
  if (nodeName !== undefined && nodeName !== "") return nodeName;
  for (const { matchFields = [] } of affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []) {
    const pin = matchFields.find(({ key, operator }) => key === "metadata.name" && operator === "In");
    if (pin?.values?.length === 1) return pin.values[0];
  }
  return undefined;
}

/** `run`: a pod belongs there; `keep`: one that is there may stay. */
export function suits(set: DaemonSet, node: Node): { readonly run: boolean; readonly keep: boolean } {
  const { metadata, spec = { containers: [] } } = set.spec?.template ?? {};
  if (metadata === undefined && spec.containers.length === 0) return { run: false, keep: false };
  if (spec.nodeName !== undefined && spec.nodeName !== "" && spec.nodeName !== node.metadata.name) return { run: false, keep: false };
  if (!allowsNode(spec, selectable(node))) return { run: false, keep: false };
  const tolerations = daemonTolerations(spec);
  const refused = (effects: readonly string[]) =>
    (node.spec?.taints ?? []).some((taint: Taint) => effects.includes(taint.effect) && !isTolerated(tolerations, taint));
  return { run: !refused(["NoSchedule", "NoExecute"]), keep: !refused(["NoExecute"]) };
}

export interface NodePlan {
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
  /** failed ones, to be replaced after a pause */
  readonly failed: readonly Pod[];
}

export interface DaemonState {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  readonly byNode: ReadonlyMap<string, readonly Pod[]>;
  /** whether a pod was made from the current template */
  readonly isUpdated: (pod: Pod) => boolean;
  readonly now: number;
}

export function planNodes({ set, nodes, byNode, isUpdated, now }: DaemonState): NodePlan {
  const { surge } = bounds(set, nodes);
  const [create, remove, failed]: [string[], Pod[], Pod[]] = [[], [], []];
  const names = new Set(nodes.map(({ metadata }) => metadata.name ?? ""));
  for (const node of nodes) {
    const name = node.metadata.name ?? "";
    const { run, keep } = suits(set, node);
    const there = (byNode.get(name) ?? []).filter((pod) => !isTerminating(pod));
    const broken = there.filter((pod) => pod.status?.phase === "Failed");
    const alive = there.filter((pod) => !isFinished(pod));
    const terminating = (byNode.get(name) ?? []).length - there.length;
    if (!keep) {
      remove.push(...there);
      continue;
    }
    failed.push(...broken);
    if (alive.length === 0) {
      // a node takes a new pod when the old one is really gone
      if (run && broken.length === 0 && terminating === 0 && !there.some(isFinished)) create.push(name);
      else if (run) remove.push(...there.filter((pod) => pod.status?.phase === "Succeeded"));
      continue;
    }
    // in a surge an old pod stays until the new one is available
    const fresh = alive.filter(isUpdated);
    const old = alive.filter((pod) => !isUpdated(pod));
    if (surge > 0 && fresh.length > 0 && old.length > 0) {
      if (fresh.some((pod) => isAvailable(pod, set.spec?.minReadySeconds, now))) remove.push(...old);
      continue;
    }
    remove.push(...oldestFirst(alive).slice(1));
  }
  for (const [name, pods] of byNode) {
    // pods of nodes that are gone are the pod garbage collector's, those still waiting for such a node are ours
    if (!names.has(name)) remove.push(...pods.filter((pod) => !isTerminating(pod) && (pod.spec?.nodeName ?? "") === ""));
  }
  return { create, remove, failed };
}

const oldestFirst = (pods: readonly Pod[]) =>
  pods.toSorted((a, b) => ((a.metadata.creationTimestamp ?? "") + (a.metadata.name ?? "") < (b.metadata.creationTimestamp ?? "") + (b.metadata.name ?? "") ? -1 : 1));

export function bounds(set: DaemonSet, nodes: readonly Node[]): { readonly surge: number; readonly unavailable: number } {
  const { maxSurge = 0, maxUnavailable = 1 } = set.spec?.updateStrategy?.rollingUpdate ?? {};
  const desired = nodes.filter((node) => suits(set, node).run).length;
  const amount = (value: number | string) => (typeof value === "number" ? value : Math.ceil((Number.parseInt(value, 10) * desired) / 100));
  return { surge: amount(maxSurge), unavailable: amount(maxUnavailable) };
}

/** A rolling update: old pods to delete, or nodes that get a new pod beside the old one. */
export function planUpdate({ set, nodes, byNode, isUpdated, now }: DaemonState): Pick<NodePlan, "create" | "remove"> {
  if (set.spec?.updateStrategy?.type === "OnDelete") return { create: [], remove: [] };
  const { surge, unavailable } = bounds(set, nodes);
  const minReady = set.spec?.minReadySeconds;
  const suitable = nodes.filter((node) => suits(set, node).run);
  const podsOn = (node: Node) => (byNode.get(node.metadata.name ?? "") ?? []).filter((pod) => !isFinished(pod));
  if (surge > 0) {
    const surging = suitable.filter((node) => podsOn(node).length > 1 || podsOn(node).some((pod) => isUpdated(pod) && !isAvailable(pod, minReady, now))).length;
    const outdated = suitable.filter((node) => podsOn(node).length === 1 && podsOn(node).some((pod) => !isUpdated(pod) && !isTerminating(pod)));
    return { create: outdated.slice(0, Math.max(0, surge - surging)).map(({ metadata }) => metadata.name ?? ""), remove: [] };
  }
  const down = suitable.filter((node) => !podsOn(node).some((pod) => isAvailable(pod, minReady, now) && !isTerminating(pod))).length;
  const outdated = suitable.flatMap(podsOn).filter((pod) => !isUpdated(pod) && !isTerminating(pod));
  // what is not available anyway costs nothing to replace
  const broken = outdated.filter((pod) => !isAvailable(pod, minReady, now));
  const serving = outdated.filter((pod) => isAvailable(pod, minReady, now));
  return { create: [], remove: [...broken, ...serving.slice(0, Math.max(0, unavailable - down))] };
}

export interface NodeCounts {
  readonly desiredNumberScheduled: number;
  readonly currentNumberScheduled: number;
  readonly numberMisscheduled: number;
  readonly numberReady: number;
  readonly numberAvailable: number;
  readonly updatedNumberScheduled: number;
}

export function countNodes({ set, nodes, byNode, isUpdated, now }: DaemonState): NodeCounts {
  const counts = { desiredNumberScheduled: 0, currentNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0, numberAvailable: 0, updatedNumberScheduled: 0 };
  for (const node of nodes) {
    const pods = byNode.get(node.metadata.name ?? "") ?? [];
    const { run } = suits(set, node);
    if (!run) {
      if (pods.length > 0) counts.numberMisscheduled++;
      continue;
    }
    counts.desiredNumberScheduled++;
    const [oldest] = oldestFirst(pods.filter((pod) => !isTerminating(pod)));
    if (pods.length > 0) counts.currentNumberScheduled++;
    if (oldest === undefined) continue;
    const ready = pods.some((pod) => !isTerminating(pod) && pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True"));
    if (ready) counts.numberReady++;
    if (pods.some((pod) => !isTerminating(pod) && isAvailable(pod, set.spec?.minReadySeconds, now))) counts.numberAvailable++;
    if (pods.some((pod) => !isTerminating(pod) && isUpdated(pod))) counts.updatedNumberScheduled++;
  }
  return present(counts);
}

/**
 * The loop: watch what waits, decide, bind. A decision takes effect in the cluster view at once and in the store a moment
 * later, so decisions never wait for writes; a binding that fails is taken back.
 *
 * Decisions are made in slices of a few milliseconds, because API requests are served by the same thread.
 */
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import { timestamp } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import { matchesLabels, selectorOf } from "../api/selector.ts";
import { isReason } from "../api/status.ts";
import { NAMESPACES, NODES, POD_DISRUPTION_BUDGETS, PODS, RUNTIME_CLASSES } from "../api/resources.gen.ts";
import type { Node, Pod } from "../api/types.gen.ts";
import type { Informers } from "../control/control.ts";
import type { EventRecorder } from "../control/event-recorder.ts";
import { clearing } from "./clearing.ts";
import { cluster } from "./cluster.ts";
import { explain, preemptionNote } from "./explain.ts";
import { type PodInfo, podInfo } from "./pod-info.ts";
import { type Preemptor, preemptor } from "./preemption.ts";
import { podQueue } from "./queue.ts";
import { rankings } from "./rankings.ts";

export interface SchedulerDeps {
  readonly client: Client;
  readonly informers: Informers;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Scheduler {
  /** pods that wait to be decided */
  pending(): number;
}

export const SCHEDULER_NAME = "default-scheduler";
/** Longest stretch of decisions before other work gets its turn. */
const SLICE_MS = 4;
/** Bindings on their way to the store; more would only lengthen its queue. */
const BINDINGS_LIMIT = 512;
/** Preemptors remembered, see rankings.ts. */
const PREEMPTORS_LIMIT = 32;

export function runScheduler({ client, informers, events, clock, log, signal }: SchedulerDeps): Scheduler {
  const pods = informers.of(PODS);
  const nodes = informers.of(NODES);
  const namespaces = informers.of(NAMESPACES);
  const runtimeClasses = informers.of(RUNTIME_CLASSES);
  const budgets = informers.of(POD_DISRUPTION_BUDGETS);

  const state = cluster((namespace) => namespaces.get(namespace)?.metadata.labels ?? {});
  const ranked = rankings(state, (name) => runtimeClasses.get(name)?.handler);
  const preemptors = new Map<string, Preemptor>();
  const cleared = clearing();
  const binding = new Set<string>();
  let running = false;

  const queue = podQueue(clock, wake);

  function wake(): void {
    if (running || signal.aborted) return;
    running = true;
    setImmediate(decideSome);
  }

  function decideSome(): void {
    const until = clock.monotonic() + SLICE_MS;
    while (binding.size < BINDINGS_LIMIT && !signal.aborted) {
      const pod = queue.take();
      if (pod === undefined) break;
      decide(pod);
      if (clock.monotonic() >= until) break;
    }
    running = false;
    if (queue.active > 0 && binding.size < BINDINGS_LIMIT) wake();
  }

  function decide(pod: PodInfo): void {
    if (cleared.keeps(pod)) return;
    if (cleared.forget(pod.uid)) state.lift(pod.uid);
    const ranking = ranked.of(pod);
    const best = ranking.best();
    if (best !== undefined) {
      state.place(pod, best.name);
      binding.add(pod.uid);
      void bind(pod, best.name);
      return;
    }
    const making = ranking.pods.preempts ? makeRoom(pod, ranking.pods.key) : undefined;
    if (making === undefined) queue.setAside(pod);
    const note = ranking.pods.preempts ? preemptionNote(state.nodeCount, making !== undefined) : "preemption: not eligible due to preemptionPolicy=Never.";
    void report(pod, explain(state.nodeCount, ranking.diagnose(), note), making);
  }

  async function bind({ pod, uid, namespace, name }: PodInfo, node: string): Promise<void> {
    const target = { apiVersion: "v1", kind: "Node", name: node };
    try {
      await client.create(PODS, { apiVersion: "v1", kind: "Binding", metadata: { name, namespace, uid }, target }, { namespace, name, subresource: "binding" });
      events.record(pod, "Normal", "Scheduled", `Successfully assigned ${namespace}/${name} to ${node}`);
    } catch (error) {
      state.lift(uid);
      const current = pods.get(`${namespace}/${name}`);
      if (current?.metadata.uid === uid && current.spec?.nodeName === undefined) queue.setAside(podInfo(current, state.slots));
      if (!isReason(error, "NotFound") && !isReason(error, "Conflict")) log.warn({ error, pod: `${namespace}/${name}`, node }, "binding failed");
    } finally {
      binding.delete(uid);
      if (queue.active > 0) wake();
    }
  }

  /** Clears a node for a pod of higher priority, and keeps the room for it until the victims are gone. */
  function makeRoom(pod: PodInfo, classKey: string): string | undefined {
    let search = preemptors.get(classKey);
    if (search === undefined) {
      if (preemptors.size >= PREEMPTORS_LIMIT) preemptors.clear();
      search = preemptor(ranked.of(pod).pods, state, { isProtected, isLeaving: cleared.isLeaving });
      preemptors.set(classKey, search);
    }
    const found = search.best();
    if (found === undefined) return undefined;
    const { node, victims } = found;
    cleared.begin(pod, node.name, victims);
    for (const victim of victims) void evict(victim, pod, node.name);
    state.place(pod, node.name);
    return node.name;
  }

  function isProtected({ namespace, labels }: PodInfo): boolean {
    return budgets
      .list(namespace)
      .some((budget) => (budget.status?.disruptionsAllowed ?? 0) <= 0 && budget.spec?.selector !== undefined && matchesLabels(selectorOf(budget.spec.selector), labels));
  }

  async function evict(victim: PodInfo, preemptorPod: PodInfo, node: string): Promise<void> {
    const { namespace, name, uid } = victim;
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason: "PreemptionByScheduler",
      message: `${SCHEDULER_NAME}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: timestamp(clock.now()),
    };
    try {
      await client.patch(PODS, { namespace, name, subresource: "status" }, { type: "strategic", patch: { metadata: { uid }, status: { conditions: [condition] } } });
      await client.delete(PODS, { namespace, name }, { preconditions: { uid } });
      events.record(victim.pod, "Normal", "Preempted", `Preempted by pod ${preemptorPod.uid} on node ${node}`);
    } catch (error) {
      if (isReason(error, "NotFound") || isReason(error, "Conflict")) return;
      for (const waiting of cleared.ended(uid)) queue.setAside(waiting);
      log.warn({ error, pod: `${namespace}/${name}` }, "preemption failed");
    }
  }

  async function report({ pod, namespace, name }: PodInfo, message: string, nominatedNodeName: string | undefined): Promise<void> {
    events.record(pod, "Warning", "FailedScheduling", message);
    const old = pod.status?.conditions?.find((condition) => condition.type === "PodScheduled");
    if (old?.status === "False" && old.message === message && nominatedNodeName === pod.status?.nominatedNodeName) return;
    const lastTransitionTime = old?.status === "False" ? old.lastTransitionTime : timestamp(clock.now());
    const condition = { type: "PodScheduled", status: "False", reason: "Unschedulable", message, lastTransitionTime, ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }) };
    const status = { conditions: [condition], ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }) };
    try {
      await client.patch(PODS, { namespace, name, subresource: "status" }, { type: "strategic", patch: { status } });
    } catch (error) {
      if (!isReason(error, "NotFound")) log.warn({ error, pod: `${namespace}/${name}` }, "cannot say why a pod waits");
    }
  }

  function onPod(now: Pod | undefined, old: Pod | undefined): void {
    const uid = (now ?? old)?.metadata.uid ?? "";
    if (now === undefined || hasEnded(now)) return forget(uid);
    if (now.spec?.nodeName !== undefined) {
      queue.remove(uid);
      cleared.forget(uid);
      // most often this is the scheduler's own decision coming back
      if (asksForTheSame(now, old) && state.placed(uid)?.name === now.spec.nodeName) state.renew(now);
      else state.place(podInfo(now, state.slots), now.spec.nodeName);
    } else if (!waits(now)) {
      queue.remove(uid);
      if (cleared.forget(uid)) state.lift(uid);
    } else if (!binding.has(uid) && (old === undefined || old.spec?.nodeName !== undefined || !asksForTheSame(now, old))) {
      queue.add(podInfo(now, state.slots));
    }
  }

  function forget(uid: string): void {
    const node = state.placed(uid)?.name;
    queue.remove(uid);
    cleared.forget(uid);
    state.lift(uid);
    for (const waiting of cleared.ended(uid)) queue.add(waiting);
    if (node !== undefined) queue.retryAll();
  }

  function onNode(now: Node | undefined, old: Node | undefined): void {
    if (now === undefined) {
      const gone = old?.metadata.name ?? "";
      for (const waiting of cleared.nodeGone(gone)) {
        state.lift(waiting.uid);
        queue.add(waiting);
      }
      state.removeNode(gone);
    } else if (old === undefined || concernsScheduling(now, old)) {
      state.setNode(now);
      queue.retryAll();
    }
  }

  nodes.subscribe(onNode);
  pods.subscribe(onPod);
  // what the informers had before: after a restart that is everything
  for (const node of nodes.list()) onNode(node, undefined);
  for (const pod of pods.list()) onPod(pod, undefined);
  namespaces.subscribe((now, old) => {
    if (JSON.stringify(now?.metadata.labels) !== JSON.stringify(old?.metadata.labels)) state.terms.forgetNamespaces();
  });
  runtimeClasses.subscribe(() => queue.retryAll());

  return { pending: () => queue.active + queue.waiting + cleared.waiting + binding.size };
}

function waits(pod: Pod): boolean {
  return (
    pod.spec?.nodeName === undefined &&
    pod.metadata.deletionTimestamp === undefined &&
    (pod.spec?.schedulerName ?? SCHEDULER_NAME) === SCHEDULER_NAME &&
    (pod.spec?.schedulingGates ?? []).length === 0 &&
    !hasEnded(pod)
  );
}

const hasEnded = (pod: Pod) => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";

/** True if nothing changed that a decision about this pod, or about others because of it, depends on, but for its node. */
function asksForTheSame(now: Pod, old: Pod | undefined): boolean {
  return (
    old !== undefined &&
    now.metadata.generation === old.metadata.generation &&
    now.metadata.deletionTimestamp === old.metadata.deletionTimestamp &&
    JSON.stringify(now.metadata.labels) === JSON.stringify(old.metadata.labels)
  );
}

/** Heartbeats and images change nodes all the time; what matters here rarely does. */
function concernsScheduling(now: Node, old: Node): boolean {
  return JSON.stringify(schedulingView(now)) !== JSON.stringify(schedulingView(old));
}

const schedulingView = ({ metadata, spec, status }: Node) => [
  metadata.labels,
  spec?.taints,
  spec?.unschedulable,
  status?.allocatable,
  status?.runtimeHandlers,
];

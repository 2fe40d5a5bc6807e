/** DaemonSet: one pod on every node that suits, updated a few nodes at a time. The decisions are in daemon-set-nodes. */
import { sameJson } from "../api/json.ts";
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS } from "../api/resources.gen.ts";
import { selectorOf } from "../api/selector.ts";
import { isReason } from "../api/status.ts";
import type { ControllerRevision, DaemonSet, DaemonSetStatus, Node, Pod } from "../api/types.gen.ts";
import type { Controller, Informer, Outcome } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import { currentRevision, REVISION_HASH, RevisionCollision, truncateHistory } from "./controller-revision.ts";
import type { DaemonState } from "./daemon-set-nodes.ts";
import { countNodes, nodeOf, pinned, planNodes, planUpdate } from "./daemon-set-nodes.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { count, present } from "./json.ts";
import { claim, concerned, indexOwners, owned } from "./owner.ts";
import { podFromTemplate } from "./pod-from-template.ts";
import { availableIn } from "./pod-state.ts";
import { BURST, isTerminatingNamespace } from "./replicas.ts";
import { slowStart } from "./slow-start.ts";

const HISTORY_LIMIT = 10;
/** A pod that fails on its node is replaced after this long, doubled with each failure up to the cap. */
const FAILED_FIRST_MS = 1_000;
const FAILED_CAP_MS = 900_000;
const GENERATION = "deprecated.daemonset.template.generation";
const selects = ({ spec }: DaemonSet) => (spec?.selector === undefined ? undefined : selectorOf(spec.selector));
const keyOf = ({ metadata }: DaemonSet) => `${metadata.namespace}/${metadata.name}`;
const hashIn = (object: Pod | ControllerRevision) => object.metadata.labels?.[REVISION_HASH];

export function daemonSet(deps: ControllerDeps): Controller {
  const { client, events } = actor(deps, "daemon-set-controller", "daemonset-controller");
  const sets = deps.informers.of(DAEMON_SETS);
  const pods = deps.informers.of(PODS);
  const nodes = deps.informers.of(NODES);
  const history = deps.informers.of(CONTROLLER_REVISIONS);
  indexOwners(pods);
  indexOwners(history);
  /** failures in a row, by set and node */
  const failures = new Map<string, { readonly count: number; readonly until: number }>();

  async function remove(set: DaemonSet, pod: Pod): Promise<void> {
    const { namespace, name = "", uid } = pod.metadata;
    try {
      await client.delete(PODS, { namespace, name }, uid === undefined ? {} : { preconditions: { uid } });
      events.record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
    }
  }

  async function create(set: DaemonSet, node: string, hash: string): Promise<void> {
    const pod = podFromTemplate(set, set.spec?.template);
    const labels = { ...pod.metadata.labels, [REVISION_HASH]: hash, "pod-template-generation": generationOf(set) };
    const object = { ...pod, metadata: { ...pod.metadata, labels }, spec: pinned(pod.spec ?? { containers: [] }, node) };
    try {
      const made = await client.create(PODS, object, { namespace: set.metadata.namespace });
      events.record(set, "Normal", "SuccessfulCreate", `Created pod: ${made.metadata.name}`);
    } catch (error) {
      if (isTerminatingNamespace(error)) return;
      events.record(set, "Warning", "FailedCreate", `Error creating: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }

  /** failed pods whose pause is over are deleted; the milliseconds to the next */
  async function replaceFailed(set: DaemonSet, failed: readonly Pod[]): Promise<number | undefined> {
    let wait: number | undefined;
    const now = deps.clock.monotonic();
    for (const pod of failed) {
      const where = `${set.metadata.uid}/${nodeOf(pod)}`;
      const past = failures.get(where);
      if (past !== undefined && past.until > now) {
        wait = Math.min(wait ?? FAILED_CAP_MS, past.until - now);
        continue;
      }
      const times = past === undefined || now - past.until > 2 * FAILED_CAP_MS ? 0 : past.count;
      failures.set(where, { count: times + 1, until: now + Math.min(FAILED_CAP_MS, FAILED_FIRST_MS * 2 ** times) });
      events.record(set, "Warning", "FailedDaemonPod", `Found failed daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ${nodeOf(pod)}, will try to kill it`);
      await remove(set, pod);
    }
    return wait;
  }

  function stateOf(set: DaemonSet, hash: string): DaemonState {
    const byNode = new Map<string, Pod[]>();
    for (const pod of owned(pods, set.metadata.uid ?? "")) {
      const node = nodeOf(pod);
      if (node === undefined) continue;
      const there = byNode.get(node);
      if (there === undefined) byNode.set(node, [pod]);
      else there.push(pod);
    }
    return { set, nodes: nodes.list(), byNode, isUpdated: (pod) => hashIn(pod) === hash, now: deps.clock.now() };
  }

  async function reconcile(key: string): Promise<Outcome> {
    const set = sets.get(key);
    const selector = set === undefined ? undefined : selects(set);
    if (set === undefined || selector === undefined) return undefined;
    await claim(client, { owner: set, owners: DAEMON_SETS, informer: pods, selector });
    if (set.metadata.deletionTimestamp !== undefined) return undefined;
    const past = owned(history, set.metadata.uid ?? "");
    let revision: ControllerRevision;
    try {
      const annotations = { [GENERATION]: generationOf(set) };
      revision = await currentRevision(client, { owner: set, template: set.spec?.template, collisionCount: set.status?.collisionCount, annotations }, past);
    } catch (error) {
      if (error instanceof RevisionCollision) await writeStatus(set, { ...statusOf(stateOf(set, "")), collisionCount: (set.status?.collisionCount ?? 0) + 1 });
      throw error;
    }
    const hash = hashIn(revision) ?? "";

    const plan = planNodes(stateOf(set, hash));
    for (const pod of plan.remove) await remove(set, pod);
    const wait = await replaceFailed(set, plan.failed);
    let { error } = await slowStart(Math.min(plan.create.length, BURST), (index) => create(set, plan.create[index] ?? "", hash));
    if (error === undefined && plan.create.length === 0) {
      const update = planUpdate(stateOf(set, hash));
      for (const pod of update.remove) await remove(set, pod);
      ({ error } = await slowStart(update.create.length, (index) => create(set, update.create[index] ?? "", hash)));
    }
    const state = stateOf(set, hash);
    await writeStatus(set, statusOf(state));
    const used = new Set([hash, ...owned(pods, set.metadata.uid ?? "").map((pod) => hashIn(pod) ?? "")]);
    await truncateHistory(client, owned(history, set.metadata.uid ?? ""), (each) => used.has(hashIn(each) ?? ""), set.spec?.revisionHistoryLimit ?? HISTORY_LIMIT);
    if (error !== undefined) throw error;
    if (plan.create.length > BURST) return { afterMs: 1 };
    const ripening = [...state.byNode.values()].flat().map((pod) => availableIn(pod, set.spec?.minReadySeconds, state.now)).filter((ms) => ms !== undefined);
    const waits = [...ripening.filter((ms) => ms > 0), ...(wait === undefined ? [] : [wait])];
    return waits.length === 0 ? undefined : { afterMs: Math.min(...waits) };
  }

  async function writeStatus(set: DaemonSet, status: DaemonSetStatus): Promise<void> {
    const latest = sets.get(`${set.metadata.namespace}/${set.metadata.name}`);
    if (latest === undefined || sameJson(status, latest.status)) return;
    await client.update(DAEMON_SETS, { namespace: latest.metadata.namespace, name: latest.metadata.name ?? "", subresource: "status" }, { ...latest, status });
  }

  return {
    name: "daemonset",
    watches: [
      watching(sets, (set) => [keyOf(set)]),
      watching(pods, (pod) => concerned(pod, "DaemonSet", sets, selects)),
      watching(nodes, nodeWatch(nodes, () => sets.list().map(keyOf))),
      watching(history, () => []),
    ],
    reconcile,
  };
}

const generationOf = (set: DaemonSet) => set.metadata.annotations?.[GENERATION] ?? String(set.metadata.generation ?? 1);

/** Heartbeats of nodes concern no DaemonSet: only what placement reads does. */
function nodeWatch(nodes: Informer<Node>, all: () => readonly string[]): (node: Node) => readonly string[] {
  const seen = new Map<string, string>();
  return ({ metadata, spec }) => {
    const name = metadata.name ?? "";
    const facts = JSON.stringify([metadata.uid, metadata.labels, spec?.taints, spec?.unschedulable]);
    const gone = nodes.get(name) === undefined;
    if (!gone && seen.get(name) === facts) return [];
    if (gone) seen.delete(name);
    else seen.set(name, facts);
    return all();
  };
}

export function statusOf(state: DaemonState): DaemonSetStatus {
  const counts = countNodes(state);
  const { set } = state;
  return present({
    ...counts,
    numberAvailable: count(counts.numberAvailable),
    updatedNumberScheduled: count(counts.updatedNumberScheduled),
    numberUnavailable: count(counts.desiredNumberScheduled - counts.numberAvailable),
    observedGeneration: set.metadata.generation,
    collisionCount: set.status?.collisionCount,
    conditions: set.status?.conditions,
  });
}

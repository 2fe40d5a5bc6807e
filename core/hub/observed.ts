/**
 * Writes what devices report into the registry, each as the user that the device is: what a node may not do, its device
 * cannot do here either. Every write can be repeated: it compares with what is stored, carries the uid, and reads again
 * on a conflict, so a report that arrives twice, late or after a restart does no harm. `accepted` is said only when all
 * of a report is in the store.
 */
import { createHash } from "node:crypto";
import type { Client, Resource } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import { sleep, timestamp } from "../api/clock.ts";
import { sameJson } from "../api/json.ts";
import { DEVICE_ANNOTATION } from "../api/kinds/node.ts";
import type { Log } from "../api/log.ts";
import type { AnyObject, KubeObject } from "../api/meta.ts";
import { EVENTS, NODES, PODS } from "../api/resources.gen.ts";
import { ApiError, isReason } from "../api/status.ts";
import type { Node, NodeStatus, Pod, PodStatus } from "../api/types.gen.ts";
import type { User } from "../api/user.ts";
import { AUTHENTICATED, NODES as NODES_GROUP } from "../api/user.ts";
import type { Informers } from "../control/control.ts";
import type { ObservedEvent, ObservedPod, Up } from "../wire/messages.ts";
import { budget } from "../wire/budget.ts";
import type { Budget } from "../wire/budget.ts";
import { reportedLabels, reportedStatus, sameStatus } from "./node-status.ts";
import { reportedPodStatus } from "./pod-status.ts";
import type { HubSession } from "./sessions.ts";

export type Report = Extract<Up, { readonly type: "observed" }>;

export interface ObservedCounters {
  reports: number;
  writes: number;
  conflicts: number;
  /** parts of reports that the API refuses for good */
  refused: number;
  droppedEvents: number;
}

export interface Observed {
  /** Resolves when the report is in the store, or the session is over. @throws when it cannot be stored for now */
  apply(session: HubSession, report: Report): Promise<void>;
  /** forgets what it remembers of a device */
  stop(node: string): void;
  readonly counters: ObservedCounters;
}

/** Writes of one report at a time: group commit makes one flush of them. */
const PARALLEL = 8;
/** A conflict means that somebody else wrote the same object; five in a row that something is wrong. */
const MAX_CONFLICTS = 5;
/** A store that is busy or restarting is waited for: 0.2 s doubling, 12 s in all, then the session begins again. */
const MAX_RETRIES = 6;
const RETRY_MS = 200;
/** Events about one object: what happens to a pod once is always told, what repeats itself now and then (spam filter of client-go). */
const EVENT_RATE = { burst: 50, perSecond: 1 / 60 };
/** Objects of one device whose budgets are remembered: 110 pods and those that came and went lately; 50 bytes each. */
const MAX_BUDGETS = 1_000;
const MIRROR_ANNOTATION = "kubernetes.io/config.mirror";
const TRANSIENT = new Set(["ServiceUnavailable", "TooManyRequests", "Timeout", "ServerTimeout", "InternalError"]);
/** core/v1 event validation */
const MESSAGE_LIMIT = 1024;

export const nodeUser = (node: string): User => ({ name: `system:node:${node}`, groups: [NODES_GROUP, AUTHENTICATED] });

export function observed(options: {
  readonly clientFor: (user: User) => Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly log: Log;
}): Observed {
  const { informers, clock, log } = options;
  const counters: ObservedCounters = { reports: 0, writes: 0, conflicts: 0, refused: 0, droppedEvents: 0 };
  const nodes = informers.of(NODES);
  const pods = informers.of(PODS);
  const eventBudgets = new Map<string, Map<string, Budget>>();

  /** Reads `current` and writes what `next` makes of it, again on a conflict. undefined from `next`: nothing to write. */
  const write = async <T extends KubeObject>(
    client: Client,
    resource: Resource<T>,
    key: { readonly namespace?: string | undefined; readonly name: string },
    cached: T | undefined,
    next: (current: T) => T | undefined,
    subresource?: string,
  ): Promise<void> => {
    let current = cached;
    for (let conflicts = 0; ; conflicts++) {
      current ??= await client.get(resource, key);
      const object = next(current);
      if (object === undefined) return;
      try {
        await client.update(resource, { ...key, subresource }, object);
        counters.writes++;
        return;
      } catch (error) {
        if (!isReason(error, "Conflict") || conflicts >= MAX_CONFLICTS) throw error;
        counters.conflicts++;
        current = undefined;
      }
    }
  };

  const applyNode = async (client: Client, name: string, report: NonNullable<Report["node"]>) => {
    const status = report.status as NodeStatus;
    const cached = nodes.get(name) ?? (await client.get(NODES, { name }).catch(absent));
    if (cached === undefined) {
      const node = { apiVersion: "v1", kind: "Node", metadata: { name, labels: report.labels, annotations: { [DEVICE_ANNOTATION]: "true" } }, spec: {} };
      await client.create(NODES, node).catch(ignoring("AlreadyExists"));
      counters.writes++;
    } else {
      await write(client, NODES, { name }, cached, (node): Node | undefined => {
        const { annotations = {} } = node.metadata;
        const labels = reportedLabels(node.metadata.labels, report.labels);
        if (annotations[DEVICE_ANNOTATION] !== undefined && sameJson(labels, node.metadata.labels)) return undefined;
        const metadata = { ...node.metadata, labels, annotations: { [DEVICE_ANNOTATION]: "true", ...annotations } };
        return { ...node, metadata };
      });
    }
    const update = (node: Node): Node | undefined => {
      const next = reportedStatus(node.status, status, clock.now());
      return sameStatus(node.status, next) ? undefined : { ...node, status: next };
    };
    // the status of a node that was just created or labelled is read anew: the informer may not have it yet
    await write(client, NODES, { name }, undefined, update, "status");
  };

  /** Shows a static pod: the mirror is made, made again after somebody deleted or changed it, and goes with its file. */
  const applyMirror = async (client: Client, node: string, { namespace, name, uid, mirror, status }: ObservedPod): Promise<void> => {
    let shown = pods.get(`${namespace}/${name}`);
    if (shown !== undefined && (shown.metadata.deletionTimestamp !== undefined || shown.metadata.annotations?.[MIRROR_ANNOTATION] !== uid)) {
      // a pod of somebody else's keeps its name
      if (shown.metadata.annotations?.[MIRROR_ANNOTATION] === undefined) return;
      await client.delete(PODS, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid: shown.metadata.uid ?? "" } }).catch(ignoring("NotFound", "Conflict"));
      shown = undefined;
    }
    if (shown === undefined && mirror !== undefined) {
      shown = await client.create(PODS, mirrorPod(mirror, { uid, node: await client.get(NODES, { name: node }) }), { namespace }).catch((error: unknown) => {
        // not seen here yet: it is tried again
        throw isReason(error, "AlreadyExists") ? new ApiError("Conflict", `${namespace}/${name} was made meanwhile`) : error;
      });
      counters.writes++;
    }
    if (shown !== undefined && status !== undefined) await applyPod(client, node, { namespace, name, uid: shown.metadata.uid ?? "", status }, shown);
  };

  const applyPod = async (client: Client, node: string, report: ObservedPod, known?: Pod): Promise<void> => {
    const { namespace, name, uid, status, mirror, gone } = report;
    if (mirror !== undefined && gone !== true) return applyMirror(client, node, report);
    const pod = known ?? pods.get(`${namespace}/${name}`);
    if (gone === true && pod?.metadata.annotations?.[MIRROR_ANNOTATION] === uid) {
      await client.delete(PODS, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid ?? "" } }).catch(ignoring("NotFound", "Conflict"));
      return;
    }
    // a pod that is deleted, or deleted and made again under the same name: the desired set tells the device
    if (pod === undefined || pod.metadata.uid !== uid || pod.spec?.nodeName !== node) return;
    if (status !== undefined) {
      const next = (current: Pod): Pod | undefined => {
        if (current.metadata.uid !== uid) return undefined;
        const merged = reportedPodStatus(current, status as PodStatus);
        return merged === undefined ? undefined : { ...current, status: merged };
      };
      await write(client, PODS, { namespace, name }, pod, next, "status").catch(ignoring("NotFound"));
    }
    if (gone !== true || pod.metadata.deletionTimestamp === undefined) return;
    await client.delete(PODS, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } }).catch(ignoring("NotFound", "Conflict"));
    counters.writes++;
  };

  const applyEvent = async (client: Client, node: string, event: ObservedEvent) => {
    const { regarding } = event;
    const namespace = regarding.namespace === "" ? "default" : regarding.namespace;
    const object = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${regarding.name}.${fingerprint(event)}`, namespace },
      involvedObject: regarding,
      type: event.type,
      reason: event.reason,
      message: event.message.slice(0, MESSAGE_LIMIT),
      count: event.count,
      firstTimestamp: timestamp(event.first),
      lastTimestamp: timestamp(event.last),
      source: { component: "kubelet", host: node },
      reportingComponent: "kubelet",
      reportingInstance: node,
    };
    // the name says which event it is, so a repetition replaces it with its higher count
    await client.update(EVENTS, { namespace, name: object.metadata.name }, object);
    counters.writes++;
  };

  /** Runs one part of a report; what the API refuses for good is logged and left out, the rest is thrown. */
  const part = async (session: HubSession, what: string, run: () => Promise<void>) => {
    for (let attempt = 0; session.active(); attempt++) {
      try {
        return await run();
      } catch (error) {
        const transient = !(error instanceof ApiError) || TRANSIENT.has(error.reason) || isReason(error, "Conflict");
        if (!transient) {
          counters.refused++;
          log.warn({ node: session.node, what, reason: error.message }, "part of a device's report was refused");
          return;
        }
        if (attempt >= MAX_RETRIES) throw error;
        await sleep(clock, RETRY_MS * 2 ** attempt);
      }
    }
  };

  const allowed = (node: string, { regarding: { kind, uid } }: ObservedEvent): boolean => {
    const budgets = eventBudgets.get(node) ?? new Map<string, Budget>();
    eventBudgets.set(node, budgets);
    const key = `${kind}/${uid}`;
    const own = budgets.get(key) ?? budget(clock, EVENT_RATE);
    // the one that was used last is the last to be forgotten
    budgets.delete(key);
    budgets.set(key, own);
    const [oldest] = budgets.keys();
    if (budgets.size > MAX_BUDGETS && oldest !== undefined) budgets.delete(oldest);
    return own.take(1);
  };

  return {
    counters,
    stop: (node) => void eventBudgets.delete(node),
    async apply(session, report) {
      counters.reports++;
      const { node } = session;
      const client = options.clientFor(nodeUser(node));
      const { node: nodeReport } = report;
      if (nodeReport !== undefined) await part(session, "node", () => applyNode(client, node, nodeReport));
      const kept = report.events.filter((event) => allowed(node, event));
      counters.droppedEvents += report.events.length - kept.length;
      await inParallel([
        ...report.pods.map((pod) => () => part(session, `pod ${pod.namespace}/${pod.name}`, () => applyPod(client, node, pod))),
        ...kept.map((event) => () => part(session, `event ${event.reason}`, () => applyEvent(client, node, event))),
      ]);
    },
  };
}

async function inParallel(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = tasks.values();
  const worker = async () => {
    for (const task of queue) await task();
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, tasks.length) }, worker));
}

function absent(error: unknown): undefined {
  if (!isReason(error, "NotFound")) throw error;
}

const ignoring =
  (...reasons: readonly ApiError["reason"][]) =>
  (error: unknown): undefined => {
    if (!reasons.some((reason) => isReason(error, reason))) throw error;
  };

/** The pod that stands for a static one: bound, owned by its node, named after the manifest that it shows. */
function mirrorPod(manifest: AnyObject, { uid, node }: { readonly uid: string; readonly node: Node }): Pod {
  const { name, namespace, labels, annotations } = manifest.metadata;
  const owner = { apiVersion: "v1", kind: "Node", name: node.metadata.name ?? "", uid: node.metadata.uid ?? "", controller: true };
  return { ...manifest, metadata: { name, namespace, labels, annotations: { ...annotations, [MIRROR_ANNOTATION]: uid }, ownerReferences: [owner] } } as Pod;
}

/** Which event it is: all that its repetitions have in common. */
function fingerprint({ regarding, type, reason, message, first }: ObservedEvent): string {
  const parts = [regarding.uid, regarding.fieldPath ?? "", type, reason, message, String(first)];
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 16);
}


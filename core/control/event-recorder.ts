/**
 * Kubernetes Events (core/v1) as controllers write them: what `kubectl describe` and `kubectl get events` show. They
 * are a courtesy to people, so a recorder never blocks its caller and never fails it: it holds a bounded queue, counts
 * equal events up instead of writing new ones, and limits each object that has too much to say.
 */
import type { Client, Resource } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import { sleep, timestamp } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import type { KubeObject } from "../api/meta.ts";
import { isReason } from "../api/status.ts";

export interface EventRecorder {
  /** `reason` is one CamelCase word for machines, `message` a sentence for people */
  record(regarding: KubeObject, type: "Normal" | "Warning", reason: string, message: string, fieldPath?: string): void;
}

export interface RecorderDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** who reports, "replicaset-controller" */
  readonly component: string;
  /** the node that reports, for agents */
  readonly host?: string;
}

const EVENTS: Resource = { group: "", version: "v1", plural: "events" };
/** Events that wait to be written; more are dropped: an event is worth less than the memory of a device. */
export const QUEUE_LIMIT = 2_000;
/**
 * Writes under way at once: they share a commit of the store. With the pause 200 a second; kube-scheduler writes 50 Events a
 * second (its clientConnection.qps).
 */
const AT_ONCE = 20;
/** Pause after a full batch: events that come by the thousand leave most of the store to what they tell about. */
const PAUSE_MS = 100;
/** Recent events whose repetitions are counted (the correlator of client-go remembers 4096). */
const REMEMBERED = 1000;
/** Per object: this many at once, then one per five minutes (spam filter of client-go: burst 25, 1/300 per second). */
const BURST = 25;
const REFILL_MS = 300_000;
/** Events that differ in their message only are one kind of event after this many within REFILL_MS · 2. */
const SIMILAR = 10;
const SIMILAR_WINDOW_MS = 600_000;
/** Longest message the API accepts (core/v1 event validation: 1 kB). */
const MESSAGE_LIMIT = 1024;

interface Waiting {
  readonly namespace: string;
  readonly equal: string;
  readonly name: string;
  readonly event: { readonly [field: string]: unknown };
}

export function eventRecorder(client: Client, { clock, log, signal, component, host }: RecorderDeps): EventRecorder {
  const waiting: Waiting[] = [];
  const written = new Recent<{ name: string; count: number; firstTimestamp: string }>(REMEMBERED);
  const budgets = new Recent<{ tokens: number; at: number }>(REMEMBERED);
  const similar = new Recent<{ messages: Set<string>; since: number }>(REMEMBERED);
  let dropped = 0;
  let order = 0;
  let writing = false;

  const spend = (object: string): boolean => {
    const now = clock.monotonic();
    const budget = budgets.get(object) ?? { tokens: BURST, at: now };
    const tokens = Math.min(BURST, budget.tokens + (now - budget.at) / REFILL_MS);
    budgets.set(object, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1;
  };
  /** the message under which similar events are counted together once there are too many of them */
  const combine = (kind: string, message: string): { readonly key: string; readonly message: string } => {
    const now = clock.monotonic();
    let group = similar.get(kind);
    if (group === undefined || now - group.since > SIMILAR_WINDOW_MS) group = { messages: new Set(), since: now };
    similar.set(kind, group);
    if (group.messages.size < SIMILAR) group.messages.add(message);
    return group.messages.size < SIMILAR || group.messages.has(message)
      ? { key: `${kind}\n${message}`, message }
      : { key: kind, message: `(combined from similar events): ${message}` };
  };
  const write = async ({ namespace, equal, name, event }: Waiting) => {
    const known = written.get(equal);
    const count = (known?.count ?? 0) + 1;
    if (known !== undefined) {
      try {
        const patch = { count, lastTimestamp: event["lastTimestamp"], message: event["message"] };
        await client.patch(EVENTS, { namespace, name: known.name }, { type: "merge", patch });
        written.set(equal, { ...known, count });
        return;
      } catch (error) {
        // events expire: then this is a first one again
        if (!isReason(error, "NotFound")) throw error;
      }
    }
    await client.create(EVENTS, { ...event, count: 1 }, { namespace });
    written.set(equal, { name, count: 1, firstTimestamp: String(event["firstTimestamp"]) });
  };
  /** the oldest that wait, each of another kind: equal ones have to be counted one after the other */
  const nextBatch = (): readonly Waiting[] => {
    const batch = new Map<string, Waiting>();
    for (const each of waiting) {
      if (batch.has(each.equal) || batch.size >= AT_ONCE) break;
      batch.set(each.equal, each);
    }
    waiting.splice(0, batch.size);
    return [...batch.values()];
  };
  const drain = async () => {
    writing = true;
    while (waiting.length > 0 && !signal.aborted) {
      const batch = nextBatch();
      await Promise.all(
        batch.map((each) =>
          write(each).catch((error: unknown) => {
            // a namespace that is going away takes no events; nobody waits for them
            log.debug({ error, event: each.name }, "an event could not be written");
          }),
        ),
      );
      if (batch.length === AT_ONCE) await sleep(clock, PAUSE_MS, signal);
    }
    writing = false;
  };

  return {
    record(regarding, type, reason, message, fieldPath) {
      if (signal.aborted) return;
      if (waiting.length >= QUEUE_LIMIT) {
        dropped++;
        if ((dropped & (dropped - 1)) === 0) log.warn({ dropped }, "events come faster than they can be written");
        return;
      }
      const { name = "", namespace, uid, resourceVersion } = regarding.metadata;
      const object = `${regarding.kind}/${namespace ?? ""}/${name}/${uid ?? ""}`;
      if (!spend(object)) return;
      const text = message.length > MESSAGE_LIMIT ? `${message.slice(0, MESSAGE_LIMIT - 3)}...` : message;
      const combined = combine([object, type, reason, fieldPath ?? ""].join("\n"), text);
      const at = timestamp(clock.now());
      const eventName = `${name}.${nanoseconds(clock.now(), order++ % 1_000_000)}`;
      const eventNamespace = namespace ?? "default";
      waiting.push({
        namespace: eventNamespace,
        equal: combined.key,
        name: eventName,
        event: {
          apiVersion: "v1",
          kind: "Event",
          metadata: { name: eventName, namespace: eventNamespace },
          involvedObject: {
            apiVersion: regarding.apiVersion,
            kind: regarding.kind,
            name,
            ...(namespace === undefined ? {} : { namespace }),
            ...(uid === undefined ? {} : { uid }),
            ...(resourceVersion === undefined ? {} : { resourceVersion }),
            ...(fieldPath === undefined ? {} : { fieldPath }),
          },
          type,
          reason,
          message: combined.message,
          source: host === undefined ? { component } : { component, host },
          reportingComponent: component,
          reportingInstance: host ?? "",
          firstTimestamp: at,
          lastTimestamp: at,
          eventTime: null,
        },
      });
      if (!writing) void drain();
    },
  };
}

/** Sixteen hexadecimal digits, as client-go names events; `order` stands for the part of a millisecond. */
function nanoseconds(ms: number, order: number): string {
  return (BigInt(Math.trunc(ms)) * 1_000_000n + BigInt(order)).toString(16);
}
/** A map that forgets what was not written for the longest time. */
class Recent<V> {
  readonly #entries = new Map<string, V>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#limit) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

/**
 * Events for the user, counted instead of repeated and bounded in number: a device that was off the network for a month
 * reports what happened, not each time that it happened. The oldest give way.
 */
import type { Clock } from "../core/api/clock.ts";
import type { Pod } from "../core/api/types.gen.ts";
import type { ObservedEvent } from "../core/wire/messages.ts";
import type { PlannedEvent } from "./planning/draft.ts";

export interface EventSink {
  pod(pod: Pod, event: PlannedEvent): void;
  node(name: string, event: PlannedEvent): void;
}

export interface EventBuffer extends EventSink {
  /** what happened since the last call; on failure give it back with `restore` */
  take(): readonly ObservedEvent[];
  restore(events: readonly ObservedEvent[]): void;
  size(): number;
  onAdded(listener: () => void): void;
}

/** Kinds of events kept while nobody listens: some 300 bytes each. */
const MAX_EVENTS = 500;
/** Kinds of events whose repetitions are counted on after they were taken. */
const MAX_COUNTED = 1_000;
/** The API's limit for event messages. */
const MAX_MESSAGE = 1024;

export function eventBuffer(clock: Clock): EventBuffer {
  let events = new Map<string, ObservedEvent>();
  /** what was taken before: a repetition goes on counting from there, so that it is still one Event in the API */
  const counted = new Map<string, ObservedEvent>();
  const listeners: (() => void)[] = [];

  const merge = (event: ObservedEvent) => {
    const key = keyOf(event);
    const known = events.get(key);
    events.delete(key);
    events.set(key, known === undefined ? event : { ...event, count: known.count + event.count, first: Math.min(known.first, event.first), last: Math.max(known.last, event.last) });
    for (const oldest of events.keys()) {
      if (events.size <= MAX_EVENTS) break;
      events.delete(oldest);
    }
  };
  const add = (regarding: ObservedEvent["regarding"], { type, reason, message }: PlannedEvent) => {
    const now = Math.floor(clock.now());
    const event = { regarding, type, reason, message: message.slice(0, MAX_MESSAGE), count: 1, first: now, last: now };
    const key = keyOf(event);
    const before = events.has(key) ? undefined : counted.get(key);
    merge(before === undefined ? event : { ...event, count: before.count + 1, first: before.first });
    for (const listener of listeners) listener();
  };

  return {
    pod(pod, event) {
      const { namespace = "", name = "", uid = "" } = pod.metadata;
      const fieldPath = event.container === undefined ? {} : { fieldPath: fieldPathOf(pod, event.container) };
      add({ apiVersion: "v1", kind: "Pod", namespace, name, uid, ...fieldPath }, event);
    },
    node: (name, event) => add({ apiVersion: "v1", kind: "Node", namespace: "", name, uid: name }, event),
    take() {
      const taken = [...events.values()];
      for (const [key, event] of events) {
        counted.delete(key);
        counted.set(key, event);
      }
      for (const oldest of counted.keys()) {
        if (counted.size <= MAX_COUNTED) break;
        counted.delete(oldest);
      }
      events = new Map();
      return taken;
    },
    restore(taken) {
      const newer = events;
      events = new Map();
      // what happened again meanwhile has counted on from the older ones
      for (const event of taken) if (!newer.has(keyOf(event))) merge(event);
      for (const event of newer.values()) merge(event);
    },
    size: () => events.size,
    onAdded: (listener) => void listeners.push(listener),
  };
}

function keyOf({ regarding, type, reason, message }: ObservedEvent): string {
  return JSON.stringify([regarding.uid, regarding.fieldPath, type, reason, message]);
}

function fieldPathOf(pod: Pod, container: string): string {
  const kind = (["initContainers", "ephemeralContainers"] as const).find((field) => (pod.spec?.[field] ?? []).some(({ name }) => name === container));
  return `spec.${kind ?? "containers"}{${container}}`;
}

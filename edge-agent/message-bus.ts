/**
 * Messages of guests on this device: pods of a namespace hear each other at once, and the server carries messages to and from
 * other devices. What leaves is bounded well below what the session with the server takes, because a pod must not be able to
 * end it; while there is no session the latest messages are kept.
 */
import type { Clock } from "../core/api/clock.ts";
import { budget } from "../core/wire/budget.ts";
import { topicMatches } from "../core/wire/topic-filter.ts";

export interface GuestMessage {
  readonly namespace: string;
  /** who published it */
  readonly pod: string;
  readonly topic: string;
  readonly payload: Uint8Array;
}

export interface MessageBus {
  /** @returns false: too many at once */
  publish(message: GuestMessage): boolean;
  /** @returns how to stop it */
  subscribe(namespace: string, filter: string, hear: (message: Pick<GuestMessage, "topic" | "payload">) => void): () => void;
  /** from the server */
  arrived(message: Pick<GuestMessage, "namespace" | "topic" | "payload">): void;
  /** how messages leave; rejects when they cannot. Called when a session begins, undefined when it is over */
  connect(send: ((message: GuestMessage) => Promise<void>) | undefined): void;
}

/** The server takes 20 messages and 128 KiB a second of a device, statuses included. */
const MESSAGES = { burst: 50, perSecond: 5 };
const BYTES = { burst: 256 << 10, perSecond: 32 << 10 };
/** Kept while nobody takes them; the oldest go first. */
const MAX_KEPT = 256;
const MAX_KEPT_BYTES = 1 << 20;

export function messageBus(clock: Clock): MessageBus {
  const subscriptions = new Map<string, Set<{ readonly filter: string; readonly hear: (message: Pick<GuestMessage, "topic" | "payload">) => void }>>();
  const messages = budget(clock, MESSAGES);
  const bytes = budget(clock, BYTES);
  let kept: GuestMessage[] = [];
  let send: ((message: GuestMessage) => Promise<void>) | undefined;
  let sending = false;

  function deliver(message: Pick<GuestMessage, "namespace" | "topic" | "payload">): void {
    for (const { filter, hear } of subscriptions.get(message.namespace) ?? []) if (topicMatches(filter, message.topic)) hear(message);
  }

  async function flush(): Promise<void> {
    if (sending) return;
    sending = true;
    try {
      for (;;) {
        const [first] = kept;
        if (first === undefined || send === undefined) return;
        await send(first);
        kept = kept.filter((one) => one !== first);
      }
    } catch {
      // the session is over; the next one takes them
    } finally {
      sending = false;
    }
  }

  return {
    publish(message) {
      if (!messages.take(1) || !bytes.take(message.payload.length)) return false;
      deliver(message);
      kept.push(message);
      let size = kept.reduce((sum, { payload }) => sum + payload.length, 0);
      while (kept.length > MAX_KEPT || size > MAX_KEPT_BYTES) size -= kept.shift()?.payload.length ?? 0;
      void flush();
      return true;
    },
    subscribe(namespace, filter, hear) {
      const all = subscriptions.get(namespace) ?? new Set();
      subscriptions.set(namespace, all);
      const one = { filter, hear };
      all.add(one);
      return () => {
        all.delete(one);
        if (all.size === 0 && subscriptions.get(namespace) === all) subscriptions.delete(namespace);
      };
    },
    arrived: deliver,
    connect(next) {
      send = next;
      void flush();
    },
  };
}

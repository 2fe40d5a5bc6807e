/**
 * The hub's half of sessions: who speaks, in which session, and whether anything is missing. Everything a device says
 * passes here first, so this is where it is bounded: messages and bytes per second before anything is decoded, waiting
 * messages before anything is done. A `hello` begins a session with a new epoch; work of an earlier epoch sees
 * `active()` turn false and stops, so that two lives of one device never write over each other.
 */
import type { Clock } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import type { Joiner } from "../wire/chunks.ts";
import { joiner, split } from "../wire/chunks.ts";
import { encodeEnvelope } from "../wire/codec.ts";
import type { HubLink } from "../wire/link.ts";
import type { Down, Up } from "../wire/messages.ts";
import { WIRE_VERSION } from "../wire/messages.ts";
import { parseUp } from "../wire/parse.ts";
import type { Budget } from "../wire/budget.ts";
import { budget } from "../wire/budget.ts";

export interface HubSession {
  readonly node: string;
  /** grows with every session of this hub: a fence for work that outlives its session */
  readonly epoch: number;
  active(): boolean;
  /** @throws Error when it cannot be sent; the session is over then */
  send(body: Down): Promise<void>;
  /** asks the device to begin again */
  resync(reason: string): void;
}

export type Hello = Extract<Up, { readonly type: "hello" }>;

export interface SessionListener {
  started(session: HubSession, hello: Hello): void;
  ended(session: HubSession): void;
  /** messages of one device come one after the other: the next when the promise is settled */
  received(session: HubSession, body: Exclude<Up, Hello>, seq: number): Promise<void>;
  /** anything from the device that made sense */
  heard(node: string): void;
}

export interface SessionCounters {
  sessions: number;
  sessionsTotal: number;
  messages: number;
  refusedMessages: number;
  refusedRate: number;
  gaps: number;
}

export interface HubSessions {
  get(node: string): HubSession | undefined;
  readonly counters: SessionCounters;
  /** asks a device that may be connected, without a session that this hub knows, for one */
  wake(node: string): Promise<void>;
  end(node: string): void;
}

/** What a device may say in one message: 110 pods with long statuses and a thousand events. */
const MAX_UP_BYTES = 2 * 1024 * 1024;
/** A device that boots with 110 pods reports some hundred times within seconds, then rarely. */
const MESSAGES = { burst: 300, perSecond: 20 };
const BYTES = { burst: 4 * 1024 * 1024, perSecond: 128 * 1024 };
/** Messages of one device that wait for the store. */
const MAX_WAITING = 64;
/** Between two requests to begin again: enough for a slow device, few enough for a broken one. */
const RESYNC_PAUSE_MS = 5_000;

interface Peer {
  readonly node: string;
  readonly messages: Budget;
  readonly bytes: Budget;
  /** only while a message in pieces is under way */
  join: Joiner | undefined;
  session: (HubSession & { readonly id: string; received: number }) | undefined;
  waiting: number;
  tail: Promise<void>;
  /** monotonic moment of the last request to begin again */
  asked: number;
}

export function hubSessions(options: { readonly link: HubLink; readonly clock: Clock; readonly log: Log; readonly listener: SessionListener }): HubSessions {
  const { link, clock, log, listener } = options;
  const peers = new Map<string, Peer>();
  const counters: SessionCounters = { sessions: 0, sessionsTotal: 0, messages: 0, refusedMessages: 0, refusedRate: 0, gaps: 0 };
  let chunkId = 0;

  const peerOf = (node: string): Peer => {
    const known = peers.get(node);
    if (known !== undefined) return known;
    const peer: Peer = {
      node,
      messages: budget(clock, MESSAGES),
      bytes: budget(clock, BYTES),
      join: undefined,
      session: undefined,
      waiting: 0,
      tail: Promise.resolve(),
      asked: Number.NEGATIVE_INFINITY,
    };
    peers.set(node, peer);
    return peer;
  };

  const publish = async (node: string, session: string, seq: number, body: Down) => {
    const message = encodeEnvelope({ v: WIRE_VERSION, session, seq, at: Math.floor(clock.now()), body });
    for (const piece of split(message, ++chunkId)) await link.publish(node, piece);
  };

  const askToBegin = (peer: Peer, session: string, reason: string) => {
    const now = clock.monotonic();
    if (now - peer.asked < RESYNC_PAUSE_MS) return;
    peer.asked = now;
    log.info({ node: peer.node, reason }, "asking a device to begin its session again");
    publish(peer.node, session, 0, { type: "resync" }).catch(() => {});
  };

  const end = (peer: Peer) => {
    const { session } = peer;
    if (session === undefined) return;
    peer.session = undefined;
    counters.sessions--;
    listener.ended(session);
  };

  const begin = (peer: Peer, id: string): HubSession => {
    end(peer);
    let sent = 0;
    let sending: Promise<void> = Promise.resolve();
    const epoch = ++counters.sessionsTotal;
    counters.sessions++;
    const active = () => peer.session === session;
    const session: NonNullable<Peer["session"]> = {
      id,
      node: peer.node,
      epoch,
      received: 1,
      active,
      send(body) {
        if (!active()) return Promise.reject(new Error(`the session of ${peer.node} is over`));
        const seq = ++sent;
        const result = after(sending, async () => {
          if (!active()) throw new Error(`the session of ${peer.node} is over`);
          await publish(peer.node, id, seq, body);
        });
        sending = result.catch((error: unknown) => {
          // a number was used up: what follows would be a gap
          if (active()) session.resync(error instanceof Error ? error.message : String(error));
        });
        return result;
      },
      resync(reason) {
        if (!active()) return;
        end(peer);
        askToBegin(peer, id, reason);
      },
    };
    peer.session = session;
    return session;
  };

  const take = (peer: Peer, payload: Uint8Array) => {
    const parsed = parseUp(payload);
    if (!parsed.ok) {
      counters.refusedMessages++;
      log.warn({ node: peer.node, reason: parsed.reason }, "refused a message of a device");
      return peer.session?.resync("a message was refused");
    }
    const { session: id, seq, body } = parsed.envelope;
    counters.messages++;
    listener.heard(peer.node);
    if (body.type === "hello") {
      if (peer.session?.id === id) return;
      listener.started(begin(peer, id), body);
      return;
    }
    const { session } = peer;
    if (session === undefined || session.id !== id) return askToBegin(peer, id, "its session is not known here");
    // a repeated message of QoS 1
    if (seq <= session.received) return;
    if (seq !== session.received + 1) {
      counters.gaps++;
      return session.resync(`messages ${session.received + 1} to ${seq - 1} are missing`);
    }
    session.received = seq;
    if (peer.waiting >= MAX_WAITING) return session.resync(`${MAX_WAITING} messages wait for the store`);
    peer.waiting++;
    peer.tail = after(peer.tail, async () => {
      if (session.active()) await listener.received(session, body, seq);
    })
      .catch((error: unknown) => {
        log.error({ node: peer.node, error }, "a message of a device failed");
        session.resync("its message failed");
      })
      .finally(() => {
        peer.waiting--;
      });
  };

  link.onMessage((node, payload) => {
    const peer = peerOf(node);
    if (!peer.messages.take(1) || !peer.bytes.take(payload.length)) {
      counters.refusedRate++;
      // what is dropped here shows as a gap when the device has calmed down
      return;
    }
    const whole = payload[0] !== 0 && peer.join === undefined;
    if (whole) return take(peer, payload);
    peer.join ??= joiner(MAX_UP_BYTES);
    const joined = peer.join.accept(payload);
    if (peer.join.held() === 0) peer.join = undefined;
    if (joined.message !== undefined) return take(peer, joined.message);
    if ("refused" in joined && joined.refused !== undefined) {
      counters.refusedMessages++;
      log.warn({ node, reason: joined.refused }, "refused a piece of a message of a device");
      peer.session?.resync(joined.refused);
    }
  });
  link.onPresence((node, present) => {
    const peer = peers.get(node);
    if (present || peer === undefined) return;
    end(peer);
    peers.delete(node);
  });
  link.onReachable?.((reachable) => {
    if (reachable) return;
    for (const peer of peers.values()) end(peer);
    peers.clear();
  });

  return {
    counters,
    get: (node) => peers.get(node)?.session,
    wake: (node) => publish(node, "", 0, { type: "resync" }),
    end(node) {
      const peer = peers.get(node);
      if (peer !== undefined) end(peer);
    },
  };
}

async function after(before: Promise<void>, task: () => Promise<void>): Promise<void> {
  await before;
  await task();
}

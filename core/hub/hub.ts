/**
 * The hub: what stands between the registry and the devices. It decides nothing about pods. Down go the objects that a
 * device needs, up comes what it observes; the parts are one file each, and here is only who hears what.
 */
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import { NODES } from "../api/resources.gen.ts";
import { ApiError } from "../api/status.ts";
import type { DeviceStreams } from "../api/streams.ts";
import type { User } from "../api/user.ts";
import { component } from "../api/user.ts";
import type { Informers } from "../control/control.ts";
import type { HubLink } from "../wire/link.ts";
import type { Up } from "../wire/messages.ts";
import type { DesiredCounters } from "./desired.ts";
import { desired } from "./desired.ts";
import { guestMessages } from "./guest-messages.ts";
import { nodeLeases } from "./node-leases.ts";
import { isDevice } from "./node-status.ts";
import type { ObservedCounters } from "./observed.ts";
import { observed } from "./observed.ts";
import type { PresenceLimits } from "./judge.ts";
import type { PresenceCounters } from "./presence.ts";
import { presence } from "./presence.ts";
import type { HubSession, SessionCounters } from "./sessions.ts";
import { hubSessions } from "./sessions.ts";
import { hubStreams } from "./streams.ts";
import { tokens } from "./tokens.ts";

export interface HubOptions {
  readonly control: HubLink;
  readonly streams: HubLink;
  readonly clientFor: (user: User) => Client;
  /** of a client that may read what devices need; shared with the controllers */
  readonly informers: Informers;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  /** ends the hub; the links stay the caller's to close */
  readonly signal: AbortSignal;
  /** a certificate for a fresh key of a device that is connected; @throws ApiError when the request is refused */
  readonly renew?: (node: string, csr: string) => Promise<string>;
  /** a Node was deleted: its device may not come back by its old key */
  readonly forget?: (node: string) => Promise<void>;
  readonly presence?: Partial<PresenceLimits>;
}

export interface HubCounters {
  readonly sessions: Readonly<SessionCounters>;
  readonly presence: Readonly<PresenceCounters>;
  readonly desired: Readonly<DesiredCounters>;
  readonly observed: Readonly<ObservedCounters>;
}

export interface Hub {
  readonly streams: DeviceStreams;
  isPresent(node: string): boolean;
  /** ends the device's connections; whether it may return is the broker's and the enrollment's to say */
  disconnect(node: string): void;
  counters(): HubCounters;
}

/** Between two devices that are asked for their session at start: a large fleet does not answer at once. */
const WAKE_PAUSE_MS = 5;

/** Resolves when the informers have what the hub needs. */
export async function startHub(options: HubOptions): Promise<Hub> {
  const { control, informers, clientFor, clock, log, signal } = options;
  const client = clientFor(component("lichen:hub"));
  const nodes = informers.of(NODES);
  const down = desired({ informers, clock, log, signal });
  const up = observed({ clientFor, informers, clock, log });
  const answerToken = tokens({ clientFor, informers });
  await down.synced();

  const present = presence({
    client,
    informers,
    clock,
    log,
    signal,
    ...(options.presence === undefined ? {} : { limits: options.presence }),
    ask(node) {
      const session = sessions.get(node);
      (session === undefined ? sessions.wake(node) : session.send({ type: "ping" })).catch(() => {});
    },
    revived: (node) => sessions.get(node)?.resync("it counted as lost"),
  });

  nodeLeases({ clientFor, informers, clock, log, signal });

  const sessions = hubSessions({
    link: control,
    clock,
    log,
    listener: {
      heard: present.heard,
      started(session, hello) {
        const wasLost = present.arrived(session.node);
        log.info({ node: session.node, epoch: session.epoch, agent: hello.agentVersion, wasLost }, "a device began a session");
        down.start(session, hello.have);
      },
      ended(session) {
        present.left(session.node);
        down.stop(session);
      },
      received,
    },
  });

  const guests = guestMessages({ informers, session: sessions.get, signal });

  async function received(session: HubSession, body: Up, seq: number): Promise<void> {
    switch (body.type) {
      case "observed":
        await up.apply(session, body);
        // not awaited: the next report need not wait for a slow link
        if (session.active()) session.send({ type: "accepted", observed: seq }).catch(() => {});
        break;
      case "resync":
        down.snapshot(session);
        break;
      case "token":
        session.send(await answerToken(session.node, body)).catch(() => {});
        break;
      case "publish": {
        const refused = guests.publish(session.node, body);
        if (refused !== undefined) log.warn({ node: session.node, reason: refused }, "a message of a guest was refused");
        break;
      }
      case "renew":
        await renew(session, body.csr);
        break;
      case "hello":
      case "pong":
        break;
      default:
        body satisfies never;
    }
  }

  async function renew(session: HubSession, csr: string): Promise<void> {
    if (options.renew === undefined) return;
    try {
      const pem = await options.renew(session.node, csr);
      session.send({ type: "certificate", pem }).catch(() => {});
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      log.warn({ node: session.node, reason: error.message }, "a certificate was not renewed");
    }
  }

  control.onPresence((node, connected) => {
    present.connection(node, connected);
    if (!connected) up.stop(node);
  });
  control.onReachable?.((reachable) => {
    present.reachable(reachable);
    if (reachable) wakeAll().catch((error: unknown) => log.warn({ error }, "devices could not be asked for their sessions"));
  });
  // devices that stayed connected to an external broker while this server was away do not know that it is back
  const wakeAll = async () => {
    for (const node of nodes.list()) {
      const { name = "" } = node.metadata;
      if (signal.aborted) return;
      if (!isDevice(node) || sessions.get(name) !== undefined) continue;
      await sessions.wake(name).catch(() => {});
      await new Promise<void>((resolve) => {
        clock.after(WAKE_PAUSE_MS, resolve);
      });
    }
  };
  const unsubscribe = nodes.subscribe((now, old) => {
    const name = old?.metadata.name;
    if (now !== undefined || name === undefined) return;
    log.info({ node: name, connected: sessions.get(name) !== undefined }, "a node was deleted: its device is disconnected");
    (options.forget?.(name) ?? Promise.resolve()).catch((error: unknown) => log.error({ node: name, error }, "a deleted node's device could not be forgotten")).finally(() => disconnect(name));
  });
  const disconnect = (node: string) => {
    control.disconnect(node);
    sessions.end(node);
  };
  signal.addEventListener("abort", unsubscribe, { once: true });
  wakeAll().catch(() => {});

  return {
    streams: hubStreams({ link: options.streams, clock, entropy: options.entropy, log }),
    isPresent: present.isPresent,
    disconnect,
    counters: () => ({ sessions: { ...sessions.counters }, presence: present.counters, desired: { ...down.counters }, observed: { ...up.counters } }),
  };
}

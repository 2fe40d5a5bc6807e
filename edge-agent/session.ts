/**
 * The agent's side of the conversation with the hub: says hello with what it has, takes in what it should run, reports
 * what it sees. One report is on its way at a time; what changes meanwhile goes into the next, so a slow link gets
 * fewer and newer reports. Everything works without a session too: only nobody hears of it.
 */
import type { Clock } from "../core/api/clock.ts";
import type { Log } from "../core/api/log.ts";
import type { Down, ObservedEvent } from "../core/wire/messages.ts";
import type { DeviceSession } from "../core/wire/session.ts";
import type { Desired } from "./desired.ts";
import type { EventBuffer } from "./events.ts";
import type { MessageBus } from "./message-bus.ts";
import type { Report } from "./report.ts";
import { slots } from "./slots.ts";

export interface SessionParts {
  readonly session: DeviceSession;
  readonly clock: Clock;
  readonly log: Log;
  readonly desired: Desired;
  readonly report: Report;
  readonly events: EventBuffer;
  /** random per process */
  readonly instance: string;
  readonly agentVersion: string;
  /** the server's idea of the time */
  readonly onServerTime: (now: number) => void;
  readonly onCertificate: (pem: string) => void;
  readonly messages: Pick<MessageBus, "arrived" | "connect">;
}

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: string;
  readonly podUid: string;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
}

export interface TokenAnswer {
  readonly token: string;
  readonly expires: string;
}

export interface AgentSession {
  /** @throws Error when there is no session or the server refuses */
  token(request: TokenRequest): Promise<TokenAnswer>;
  /** @throws Error when there is no session */
  renew(csr: string): Promise<void>;
  connected(): boolean;
}

/**
 * Changes come in bursts (a pod that starts has six in a second); this gathers them, longer than a container takes to start.
 * What somebody waits for does not wait.
 */
const GATHER_MS = 250;
/** A report without an answer: the hub writes it to its store first, which may be slow, but not this slow. */
const ACCEPT_MS = 60_000;
/** The hub takes a device's messages one after the other: a request waits for the reports before it. */
const TOKEN_MS = ACCEPT_MS;
/** Pods that all start at once ask at once; the server ends a session in which 64 messages wait for it. */
const TOKENS_AT_ONCE = 16;

export function agentSession(parts: SessionParts): AgentSession {
  const { session, clock, log, desired, report, events } = parts;
  const tokens = new Map<number, { readonly resolve: (answer: TokenAnswer) => void; readonly reject: (error: Error) => void }>();
  const asking = slots(TOKENS_AT_ONCE);
  let connected = false;
  let travelling: { readonly seq: number; readonly events: readonly ObservedEvent[] } | undefined;
  let sending = false;
  let planned = false;
  /** something awaited happened while a report was on its way */
  let awaited = false;
  let cancelWait: (() => void) | undefined;
  let nextToken = 1;

  const flush = async (): Promise<void> => {
    planned = false;
    if (!connected || sending || travelling !== undefined) return;
    awaited = false;
    const next = report.next();
    const told = events.take();
    if (next === undefined && told.length === 0) return;
    sending = true;
    try {
      const seq = await session.send({ type: "observed", full: next?.full ?? false, node: next?.node, pods: next?.pods ?? [], events: told });
      report.sent(seq);
      travelling = { seq, events: told };
      cancelWait = clock.after(ACCEPT_MS, () => session.restart("a report was not accepted in time"));
    } catch {
      // the next session tells everything again
      events.restore(told);
    } finally {
      sending = false;
    }
  };
  const soon = () => {
    if (planned) return;
    planned = true;
    clock.after(GATHER_MS, () => void flush());
  };
  const receive = (body: Down): void => {
    switch (body.type) {
      case "desired":
        parts.onServerTime(body.now);
        void desired.apply({ full: body.full, put: body.put, drop: body.drop });
        return;
      case "accepted":
        report.accepted(body.observed);
        if (travelling !== undefined && body.observed >= travelling.seq) {
          cancelWait?.();
          travelling = undefined;
          if (awaited) void flush();
          else soon();
        }
        return;
      case "certificate":
        parts.onCertificate(body.pem);
        return;
      case "published":
        parts.messages.arrived({ namespace: body.namespace, topic: body.topic, payload: Buffer.from(body.payload, "base64") });
        return;
      case "token": {
        const waiting = tokens.get(body.id);
        tokens.delete(body.id);
        if (body.token !== undefined && body.expires !== undefined) waiting?.resolve({ token: body.token, expires: body.expires });
        else waiting?.reject(new Error(body.error ?? "the server gave no token"));
        return;
      }
      case "resync":
      case "ping":
        // answered by the session itself
        return;
    }
  };

  const askToken = (request: TokenRequest): Promise<TokenAnswer> => {
    const id = nextToken++;
    return new Promise((resolve, reject) => {
      const cancel = clock.after(TOKEN_MS, () => {
        tokens.delete(id);
        reject(new Error("the server did not answer the request for a token"));
      });
      tokens.set(id, {
        resolve: (answer) => {
          cancel();
          resolve(answer);
        },
        reject: (error) => {
          cancel();
          reject(error);
        },
      });
      session.send({ type: "token", id, ...request }).catch((error: unknown) => {
        cancel();
        tokens.delete(id);
        reject(new Error("there is no connection to the server", { cause: error }));
      });
    });
  };

  session.onMessage(receive);
  session.onEnd(() => {
    connected = false;
    parts.messages.connect(undefined);
    cancelWait?.();
    if (travelling !== undefined) events.restore(travelling.events);
    travelling = undefined;
    for (const { reject } of tokens.values()) reject(new Error("the connection to the server was lost"));
    tokens.clear();
    log.info({}, "the session with the server ended; pods run on");
  });
  session.onStart(() => {
    connected = true;
    report.reset();
    log.info({}, "a session with the server began");
    session.send({ type: "hello", instance: parts.instance, agentVersion: parts.agentVersion, have: desired.have() }).then(() => {
      parts.messages.connect(async ({ namespace, pod, topic, payload }) => void (await session.send({ type: "publish", namespace, pod, topic, payload: Buffer.from(payload).toString("base64") })));
      return flush();
    }, () => {});
  });
  report.onChange((now) => {
    if (!now) return soon();
    awaited = true;
    // with what else changed in this turn
    queueMicrotask(() => void flush());
  });
  events.onAdded(soon);

  return {
    connected: () => connected,
    async renew(csr) {
      await session.send({ type: "renew", csr });
    },
    token: (request) => asking.run(() => askToken(request)),
  };
}

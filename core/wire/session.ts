/**
 * The device's half of a session: numbers what goes up, checks what comes down, splits and joins, and begins anew when
 * something is missing. A session is cheap (one `hello`), so there is one cure for every doubt: another session.
 *
 * Messages go out one after the other. When the link is gone they are dropped, not kept: the state they told is still
 * there to be told in the next session.
 */
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import { joiner, split } from "./chunks.ts";
import { encodeEnvelope } from "./codec.ts";
import type { DeviceLink } from "./link.ts";
import type { Down, Up } from "./messages.ts";
import { WIRE_VERSION } from "./messages.ts";
import { parseDown } from "./parse.ts";

export interface DeviceSession {
  /**
   * Resolves with the sequence number, when the broker has the message: `accepted` will name it.
   * @throws Error when the session ended first
   */
  send(body: Up): Promise<number>;
  /** a session began: send `hello`, then a full `observed`. Called at once when there is one */
  onStart(listener: () => void): void;
  onEnd(listener: () => void): void;
  /** `ping` and `resync` are answered here and not handed on */
  onMessage(listener: (body: Down) => void): void;
  /** the device's state and the hub's knowledge may differ: begin another session */
  restart(reason: string): void;
}

export interface DeviceSessionOptions {
  readonly link: DeviceLink;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

/** Between two sessions of one connection: a hub that cannot follow is not asked in a loop. */
const RESTART_PAUSE_MS = 1_000;
/** A hub answers `hello` at once; silence means that it did not arrive. Doubles up to the maximum while nobody answers. */
const ANSWER_MS = 15_000;
const ANSWER_MAX_MS = 240_000;
/** What the server says of an earlier session for so long was not on its way: it has not heard of this one. */
const STALE_MS = 3_000;
/** Messages that wait behind one that is being sent. */
const MAX_WAITING = 64;

export function deviceSession({ link, clock, entropy, log }: DeviceSessionOptions): DeviceSession {
  const starts: (() => void)[] = [];
  const ends: (() => void)[] = [];
  const messages: ((body: Down) => void)[] = [];
  const join = joiner();
  let connected = false;
  /** "" between sessions */
  let id = "";
  let sent = 0;
  let received = 0;
  let chunkId = 0;
  let waiting = 0;
  let tail: Promise<unknown> = Promise.resolve();
  let patience = ANSWER_MS;
  let began = 0;
  let stopTimer: (() => void) | undefined;

  const begin = () => {
    if (!connected || id !== "") return;
    id = Buffer.from(entropy.bytes(9)).toString("base64url");
    sent = 0;
    received = 0;
    began = clock.monotonic();
    stopTimer = clock.after(patience, () => {
      patience = Math.min(patience * 2, ANSWER_MAX_MS);
      restart("no answer from the server");
    });
    for (const listener of starts) listener();
  };
  const end = () => {
    stopTimer?.();
    join.reset();
    if (id === "") return;
    id = "";
    for (const listener of ends) listener();
  };
  const restart = (reason: string) => {
    if (id === "") return;
    log.info({ reason }, "beginning another session with the server");
    end();
    stopTimer = clock.after(RESTART_PAUSE_MS, begin);
  };

  link.onConnected((now) => {
    connected = now;
    if (now) begin();
    else end();
  });

  link.onMessage((payload) => {
    const joined = join.accept(payload);
    if (joined.message === undefined) {
      if ("refused" in joined && joined.refused !== undefined) restart(joined.refused);
      return;
    }
    const parsed = parseDown(joined.message);
    if (!parsed.ok) {
      log.warn({ reason: parsed.reason }, "refused a message of the server");
      return;
    }
    const { session, seq, body } = parsed.envelope;
    if (id === "") return;
    // a hub that has just started knows no session: "" is whichever there is
    if (session !== id && !(session === "" && body.type === "resync")) {
      const age = clock.monotonic() - began;
      if (received === 0 && age > STALE_MS) restart("the server speaks of another session");
      return;
    }
    if (body.type === "resync") return restart("the server asked for it");
    // a repeated message of QoS 1
    if (seq <= received) return;
    if (seq !== received + 1) return restart(`messages ${received + 1} to ${seq - 1} of the server are missing`);
    received = seq;
    patience = ANSWER_MS;
    stopTimer?.();
    if (body.type === "ping") {
      send({ type: "pong" }).catch(() => {});
      return;
    }
    for (const listener of messages) listener(body);
  });

  const send = (body: Up): Promise<number> => {
    if (id === "") return Promise.reject(new Error("there is no session with the server"));
    if (waiting >= MAX_WAITING) return Promise.reject(new Error(`${MAX_WAITING} messages wait for the server`));
    const session = id;
    const seq = ++sent;
    const pieces = split(encodeEnvelope({ v: WIRE_VERSION, session, seq, at: Math.floor(clock.now()), body }), ++chunkId);
    waiting++;
    const sending = tail.then(async () => {
      for (const piece of pieces) {
        if (session !== id) throw new Error("the session ended before the message was sent");
        await link.publish(piece, { confirm: body.type !== "pong" });
      }
      return seq;
    });
    tail = sending
      .catch((error: unknown) => {
        if (session === id) restart(error instanceof Error ? error.message : String(error));
      })
      .finally(() => waiting--);
    return sending;
  };

  return {
    send,
    onStart(listener) {
      starts.push(listener);
      if (id !== "") listener();
    },
    onEnd: (listener) => void ends.push(listener),
    onMessage: (listener) => void messages.push(listener),
    restart,
  };
}

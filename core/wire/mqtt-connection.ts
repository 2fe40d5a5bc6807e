/**
 * One MQTT connection that comes back: the only file that knows the `mqtt` package. Each attempt is a fresh client
 * with an empty session, because the library's own reconnect has no jitter and sends again what an earlier session
 * queued; what is to be said after a loss is for the sessions above to decide. Each attempt reads the certificate anew,
 * so a renewed one is used from the next connect on.
 *
 * MQTT 5 is tried first and 3.1.1 for good after a broker that refuses it; nothing here depends on which it is.
 */
import { Socket } from "node:net";
import mqtt from "mqtt";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import { backoff } from "./backoff.ts";
import { MAX_PAYLOAD_BYTES } from "./chunks.ts";

export interface Tls {
  /** PEM */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface MqttOptions {
  /** mqtts://host:port; several are tried in turn */
  readonly urls: readonly string[];
  readonly clientId: string;
  /** read at each attempt; undefined: no TLS (mqtt:// on loopback) */
  readonly tls: () => Tls | undefined;
  readonly subscribe: readonly string[];
  readonly will?: { readonly topic: string; readonly payload: string };
  /** retained, sent when connected: the opposite of the will */
  readonly birth?: { readonly topic: string; readonly payload: string };
  readonly keepaliveSeconds?: number;
  /** confirmed messages that may wait at once */
  readonly maxInFlight?: number;
  /** "auto": 5, then 3.1.1 */
  readonly version?: "auto" | 4 | 5;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface MqttConnection {
  /** @throws Error when not connected or when too much waits to be sent */
  publish(topic: string, payload: Uint8Array, confirm: boolean): Promise<void>;
  onMessage(listener: (topic: string, payload: Uint8Array, retained: boolean) => void): void;
  /** true when connected and subscribed */
  onConnected(listener: (connected: boolean) => void): void;
  close(): Promise<void>;
}

/** An idle device sends one PINGREQ in this time: 204 bytes a minute both ways with TLS and TCP headers. */
export const KEEPALIVE_SECONDS = 60;
/** From TCP connect to CONNACK; a 64 kbit/s link with 1 s round trips needs 5 s. */
const CONNECT_TIMEOUT_MS = 30_000;
/** Messages that wait for their PUBACK: beyond it the link is slower than what is said, and saying more only adds age. */
const MAX_IN_FLIGHT = 256;
/** CONNACK return code 1 of MQTT 3.1.1 §3.2.2.3, and 0x84 of MQTT 5: the broker does not speak this version */
const UNSUPPORTED_VERSION = new Set([1, 0x84]);

export function mqttConnection(options: MqttOptions): MqttConnection {
  const { clock, log, maxInFlight = MAX_IN_FLIGHT } = options;
  const waits = backoff(options.entropy);
  const messages: ((topic: string, payload: Uint8Array, retained: boolean) => void)[] = [];
  const states: ((connected: boolean) => void)[] = [];
  let version: 4 | 5 = options.version === 4 ? 4 : 5;
  let attempt = 0;
  let current: mqtt.MqttClient | undefined;
  let ready = false;
  let inFlight = 0;
  let closed = false;
  let stopTimer: (() => void) | undefined;

  const setReady = (next: boolean) => {
    if (ready === next) return;
    ready = next;
    for (const listener of states) listener(next);
  };

  const connect = () => {
    const url = options.urls[attempt++ % options.urls.length];
    if (url === undefined) throw new Error("no MQTT address is configured");
    let retryAtOnce = false;
    const tls = options.tls();
    const client = mqtt.connect(url, {
      clientId: options.clientId,
      ...(tls === undefined ? {} : { ca: tls.ca, cert: tls.cert, key: tls.key, rejectUnauthorized: true }),
      protocolVersion: version,
      clean: true,
      keepalive: options.keepaliveSeconds ?? KEEPALIVE_SECONDS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      // number cache of mqtt-packet: 16 MB that a client with few packets has no use for
      writeCache: false,
      ...(options.will === undefined ? {} : { will: { topic: options.will.topic, payload: Buffer.from(options.will.payload), qos: 1 as const, retain: true } }),
      ...(version === 5 ? { properties: { sessionExpiryInterval: 0, maximumPacketSize: MAX_PAYLOAD_BYTES + 1024 } } : {}),
    });
    current = client;
    client.on("connect", () => {
      // without it every confirmed message waits 40 ms for a delayed TCP acknowledgement
      if (client.stream instanceof Socket) client.stream.setNoDelay(true);
      const subscriptions = Object.fromEntries(options.subscribe.map((topic) => [topic, { qos: 1 as const }]));
      client.subscribe(subscriptions, (error, granted) => {
        if (closed || current !== client) return;
        const refused = granted?.find((one) => one.qos === 128);
        if (error !== null || refused !== undefined) {
          log.warn({ clientId: options.clientId, topic: refused?.topic, reason: error?.message }, "the broker refused a subscription");
          client.end(true);
          return;
        }
        if (options.birth !== undefined) client.publish(options.birth.topic, options.birth.payload, { qos: 1, retain: true });
        waits.reset();
        inFlight = 0;
        setReady(true);
      });
    });
    client.on("message", (topic, payload, packet) => {
      if (current === client) for (const listener of messages) listener(topic, payload, packet.retain);
    });
    client.on("error", (error) => {
      const code = "code" in error && typeof error.code === "number" ? error.code : undefined;
      if (version === 5 && options.version !== 5 && code !== undefined && UNSUPPORTED_VERSION.has(code)) {
        version = 4;
        retryAtOnce = true;
      }
      log.debug({ clientId: options.clientId, url, reason: error.message }, "MQTT connection failed");
    });
    client.on("close", () => {
      if (current !== client) return;
      current = undefined;
      client.end(true);
      setReady(false);
      if (closed) return;
      stopTimer = clock.after(retryAtOnce ? 0 : waits.next(), connect);
    });
  };
  stopTimer = clock.after(0, connect);

  return {
    publish(topic, payload, confirm) {
      const client = current;
      if (client === undefined || !ready) return Promise.reject(new Error("MQTT is not connected"));
      if (inFlight >= maxInFlight) return Promise.reject(new Error(`${maxInFlight} MQTT messages wait to be sent`));
      inFlight++;
      return new Promise((resolve, reject) => {
        client.publish(topic, Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength), { qos: confirm ? 1 : 0 }, (error) => {
          if (current === client) inFlight--;
          if (error) reject(error);
          else resolve();
        });
      });
    },
    onMessage: (listener) => void messages.push(listener),
    onConnected(listener) {
      states.push(listener);
      if (ready) listener(true);
    },
    async close() {
      if (closed) return;
      closed = true;
      stopTimer?.();
      const client = current;
      current = undefined;
      setReady(false);
      // without DISCONNECT: the will is how the server learns it (MQTT 3.1.1 §3.1.2.5), and a polite end waits for a hung broker
      if (client !== undefined) await client.endAsync(true);
    },
  };
}

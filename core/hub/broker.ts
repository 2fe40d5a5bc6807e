/**
 * The embedded MQTT broker: zero set-up for one server and up to some thousands of devices (95 KB per TLS connection,
 * 1.4 ms per handshake on one core); beyond that an external broker takes its place behind the same HubLink.
 *
 * A device may be exactly itself. The client id has to be the common name of the certificate, because a broker that
 * does not check it lets any device take over the connection and the messages of another. Each device publishes to and
 * subscribes its own topics and no others. Sessions are never persistent and nothing is retained: what a device has to
 * know it is told at session start, so the broker holds nothing for devices that are away.
 *
 * Messages to devices bypass the broker's topic machinery and are written to the client: a broker-wide queue would let
 * one device that stops reading hold up all others.
 */
import { once } from "node:events";
import type { Server, TLSSocket } from "node:tls";
import { createServer } from "node:tls";
import { callbackify } from "node:util";
import { Aedes } from "aedes";
import type { Client as MqttClient } from "aedes";
import type { Clock } from "../api/clock.ts";
import { systemClock } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import { NODES } from "../api/user.ts";
import { MAX_PAYLOAD_BYTES } from "../wire/chunks.ts";
import type { HubLink } from "../wire/link.ts";
import { streamsClientId, topics } from "../wire/messages.ts";
import { budget } from "../wire/budget.ts";
import { channelLink } from "./channel-link.ts";
import { packetGuard } from "./packet-guard.ts";

export interface BrokerOptions {
  /** 0: any free port */
  readonly port: number;
  readonly host?: string;
  readonly tls: {
    /** PEM; `ca` signs the devices */
    readonly ca: string | readonly string[];
    readonly cert: string;
    readonly key: string;
  };
  /** why a device with this certificate (DER) is not welcome, e.g. revoked; undefined: it is */
  readonly refuse?: (node: string, certificate: Uint8Array) => Promise<string | undefined>;
  readonly log: Log;
  readonly clock?: Clock;
  readonly maxConnections?: number;
}

export interface BrokerCounters {
  connections: number;
  connectionsTotal: number;
  refusedTls: number;
  refusedClientId: number;
  refusedCertificate: number;
  refusedPublish: number;
  refusedSubscribe: number;
  refusedPacket: number;
  refusedConnections: number;
  slowDevices: number;
}

export interface EmbeddedBroker {
  readonly port: number;
  readonly control: HubLink;
  /** the second connection of each device */
  readonly streams: HubLink;
  readonly counters: Readonly<BrokerCounters>;
  /** replaces the server's certificate and CA for connections from now on */
  renew(tls: BrokerOptions["tls"]): void;
  close(): Promise<void>;
}

/** Two per device with streams open: memory of 1 GB at 95 KB each. */
const MAX_CONNECTIONS = 10_000;
/** A payload, its topic and fixed header. */
const MAX_PACKET_BYTES = MAX_PAYLOAD_BYTES + 1_024;
/** Client id, will topic and one byte of will. */
const MAX_CONNECT_BYTES = 2_048;
/** Handlers at once of the broker's emitter; only presence and its own housekeeping go through it. */
const CONCURRENCY = 10_000;
/**
 * A device that takes nothing for so long is disconnected: 64 KB at 64 kbit/s take 8 s. It can be long because nobody
 * else waits for it.
 */
const DRAIN_TIMEOUT_MS = 60_000;
/** From TCP accept to CONNECT: slow TLS on a slow link, but no free ride. */
const CONNECT_TIMEOUT_MS = 30_000;
/** Refusals that are logged one by one; the counters have all of them. */
const LOG_LINES = { burst: 100, perSecond: 1 };

type Channel = "control" | "streams";
interface Device {
  readonly node: string;
  readonly channel: Channel;
}

class Refused extends Error {
  /** CONNACK return code "not authorized", MQTT 3.1.1 §3.2.2.3 */
  readonly returnCode = 5;
}

/** @throws Error when the port cannot be listened on */
export async function embeddedBroker(options: BrokerOptions): Promise<EmbeddedBroker> {
  const { log } = options;
  const counters: BrokerCounters = {
    connections: 0,
    connectionsTotal: 0,
    refusedTls: 0,
    refusedClientId: 0,
    refusedCertificate: 0,
    refusedPublish: 0,
    refusedSubscribe: 0,
    refusedPacket: 0,
    refusedConnections: 0,
    slowDevices: 0,
  };
  const identities = new WeakMap<MqttClient, Device>();
  const disconnect = (node: string) => {
    links.control.drop(node);
    links.streams.drop(node);
  };
  const lines = budget(options.clock ?? systemClock, LOG_LINES);
  const links = { control: channelLink(topics.down, disconnect), streams: channelLink(topics.streamDown, disconnect) };

  /** counts, logs with the reason, and gives the error that ends the connection or the request */
  const refuse = (counter: keyof BrokerCounters, fields: { readonly [field: string]: unknown }, reason: string): Refused => {
    counters[counter]++;
    if (lines.take(1)) log.warn({ ...fields, counter, refused: counters[counter], reason }, "broker refused a device");
    return new Refused(reason);
  };

  const aedes = new Aedes({
    concurrency: CONCURRENCY,
    drainTimeout: DRAIN_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxTopicLevels: 8,
    preConnect(_client, packet, callback) {
      // a persistent session would make the broker hold messages for devices that never return
      packet.clean = true;
      callback(null, true);
    },
    authenticate(client, _username, _password, done) {
      callbackify(identify)(client, (error) => done(error instanceof Refused ? error : null, error === null));
    },
    authorizePublish(client, packet, callback) {
      if (client === null) return callback(null);
      const device = identities.get(client);
      const own = device !== undefined && publishTopics(device).includes(packet.topic);
      if (!own) return callback(refuse("refusedPublish", { node: device?.node, topic: packet.topic }, "the topic is not the device's own"));
      packet.retain = false;
      callback(null);
    },
    authorizeSubscribe(client, subscription, callback) {
      const device = identities.get(client);
      if (device !== undefined && subscription.topic === downTopic(device)) return callback(null, subscription);
      refuse("refusedSubscribe", { node: device?.node, topic: subscription.topic }, "the topic is not the device's own");
      callback(null, null);
    },
  });
  await aedes.listen();

  async function identify(client: MqttClient): Promise<void> {
    // only TLS sockets are given to this broker
    const certificate = (client.conn as TLSSocket).getPeerCertificate();
    const { CN: name, O: organization } = certificate.subject ?? {};
    const fields = { clientId: client.id, certificate: name, serial: certificate.serialNumber };
    if (typeof name !== "string" || ![organization].flat().includes(NODES)) {
      throw refuse("refusedCertificate", fields, `the certificate is not a device's: its organization has to be ${NODES}`);
    }
    const channel = client.id === name ? "control" : client.id === streamsClientId(name) ? "streams" : undefined;
    if (channel === undefined) throw refuse("refusedClientId", fields, "the client id is not the certificate's common name");
    const reason = await options.refuse?.(name, certificate.raw);
    if (reason !== undefined) throw refuse("refusedCertificate", fields, reason);
    identities.set(client, { node: name, channel });
  }

  aedes.on("client", (client) => {
    const device = identities.get(client);
    if (device !== undefined) links[device.channel].joined(device.node, client);
  });
  aedes.on("clientDisconnect", (client) => {
    const device = identities.get(client);
    if (device !== undefined) links[device.channel].left(device.node, client);
  });
  aedes.on("publish", (packet, client) => {
    const device = client === null ? undefined : identities.get(client);
    if (device === undefined || packet.topic === topics.presence(device.node)) return;
    const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
    links[device.channel].received(device.node, payload);
  });
  aedes.on("clientError", (client, error) => {
    if (error.message === "drain timeout") counters.slowDevices++;
    log.debug({ clientId: client.id, reason: error.message }, "MQTT client failed");
  });
  aedes.on("connectionError", (_client, error) => log.debug({ reason: error.message }, "MQTT connection failed"));

  const server: Server = createServer({
    ...serverTls(options.tls),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    handshakeTimeout: CONNECT_TIMEOUT_MS,
  });
  server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
  server.on("secureConnection", (socket) => {
    counters.connections++;
    counters.connectionsTotal++;
    socket.once("close", () => counters.connections--);
    socket.setNoDelay(true);
    guardPackets(socket, (reason) => refuse("refusedPacket", { certificate: socket.getPeerCertificate().subject?.CN }, reason));
    aedes.handle(socket);
  });
  server.on("tlsClientError", (error, socket) => {
    refuse("refusedTls", { address: socket.remoteAddress }, error.message);
  });
  server.on("drop", (data) => {
    refuse("refusedConnections", { address: data?.remoteAddress }, `${server.maxConnections} connections are open`);
  });
  server.listen(options.port, options.host);
  await once(server, "listening").catch(async (cause: NodeJS.ErrnoException) => {
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    if (cause.code !== "EADDRINUSE") throw cause;
    throw new Error(`MQTT port ${options.port} is already in use: stop what listens there, or choose another with --mqtt-port`, { cause });
  });
  const address = server.address();

  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    await closed;
  };

  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    control: links.control.link,
    streams: links.streams.link,
    counters,
    renew: (tls) => server.setSecureContext(serverTls(tls)),
    close,
  };
}

const serverTls = (tls: BrokerOptions["tls"]) => ({ ca: [tls.ca].flat(), cert: tls.cert, key: tls.key });

const publishTopics = ({ node, channel }: Device) =>
  channel === "control" ? [topics.up(node), topics.presence(node)] : [topics.streamUp(node)];
const downTopic = ({ node, channel }: Device) => (channel === "control" ? topics.down(node) : topics.streamDown(node));

/** The broker reads its sockets itself, so what it reads is looked at on the way. */
function guardPackets(socket: TLSSocket, refused: (reason: string) => void): void {
  const guard = packetGuard(MAX_PACKET_BYTES, MAX_CONNECT_BYTES);
  const read = socket.read.bind(socket);
  socket.read = (size?: number) => {
    const bytes: unknown = read(size);
    if (!(bytes instanceof Uint8Array)) return null;
    const reason = guard.accept(bytes);
    if (reason === undefined) return bytes;
    refused(reason);
    socket.destroy();
    return null;
  };
}

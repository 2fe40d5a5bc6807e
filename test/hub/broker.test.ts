import { once } from "node:events";
import { connect as tlsConnect } from "node:tls";
import type { TLSSocket } from "node:tls";
import test from "ava";
import type { ExecutionContext } from "ava";
import mqttPacket from "mqtt-packet";
import type { Packet } from "mqtt-packet";
import { systemClock } from "../../core/api/clock.ts";
import { systemEntropy } from "../../core/api/entropy.ts";
import type { Log, LogFields } from "../../core/api/log.ts";
import { silentLog } from "../../core/api/log.ts";
import { embeddedBroker } from "../../core/hub/broker.ts";
import type { BrokerOptions, EmbeddedBroker } from "../../core/hub/broker.ts";
import { mqttDevice } from "../../core/wire/mqtt-device.ts";
import type { Leaf, TestCa } from "./certificates.ts";
import { testCa } from "./certificates.ts";

const device = (name: string) => `CN=${name}, O=system:nodes`;

interface Stage {
  readonly ca: TestCa;
  readonly broker: EmbeddedBroker;
  readonly refusals: LogFields[];
}

async function stage(t: ExecutionContext, more: Partial<BrokerOptions> = {}): Promise<Stage> {
  const ca = await testCa();
  const refusals: LogFields[] = [];
  const log: Log = { ...silentLog, warn: (fields) => void refusals.push(fields) };
  const server = await ca.leaf("CN=localhost");
  const broker = await embeddedBroker({ port: 0, host: "127.0.0.1", tls: server, log, ...more });
  t.teardown(() => broker.close());
  return { ca, broker, refusals };
}

/** A bare MQTT client: says exactly what it is told, so that it can be a thief. */
async function raw(t: ExecutionContext, broker: EmbeddedBroker, leaf: Partial<Leaf>): Promise<{ socket: TLSSocket; send(packet: Packet | Uint8Array): void; next(): Promise<Packet | undefined> }> {
  const socket = tlsConnect({ host: "127.0.0.1", port: broker.port, servername: "localhost", ...leaf });
  socket.on("error", () => {});
  t.teardown(() => socket.destroy());
  const parser = mqttPacket.parser();
  const packets: Packet[] = [];
  const waiting: ((packet: Packet | undefined) => void)[] = [];
  let ended = false;
  parser.on("packet", (packet: Packet) => {
    const wait = waiting.shift();
    if (wait === undefined) packets.push(packet);
    else wait(packet);
  });
  socket.on("data", (bytes: Buffer) => void parser.parse(bytes));
  socket.on("close", () => {
    ended = true;
    for (const wait of waiting.splice(0)) wait(undefined);
  });
  return {
    socket,
    send: (packet) => void socket.write(packet instanceof Uint8Array ? packet : mqttPacket.generate(packet)),
    next() {
      const packet = packets.shift();
      if (packet !== undefined || ended) return Promise.resolve(packet);
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}

const connectAs = (clientId: string, more: object = {}): Packet => ({ cmd: "connect", protocolId: "MQTT", protocolVersion: 4, clientId, clean: true, keepalive: 60, ...more });
const until = <T>(register: (listener: (value: T) => void) => void): Promise<T> => new Promise((resolve) => register(resolve));

test("a device and the hub talk over both connections, over the MQTT that the broker has", async (t) => {
  const { ca, broker } = await stage(t);
  const leaf = await ca.leaf(device("dev1"));
  const presence = until<[string, boolean]>((resolve) => broker.control.onPresence((node, present) => resolve([node, present])));
  const options = { urls: [`mqtts://localhost:${broker.port}`], tls: () => leaf, node: "dev1", clock: systemClock, entropy: systemEntropy, log: silentLog };
  for (const channel of ["control", "streams"] as const) {
    const link = mqttDevice({ ...options, channel });
    t.teardown(() => link.close());
    await until<boolean>((resolve) => link.onConnected((connected) => connected && resolve(true)));
    const up = until<[string, Uint8Array]>((resolve) => broker[channel].onMessage((node, payload) => resolve([node, payload])));
    await link.publish(Buffer.from("up"));
    t.deepEqual(await up, ["dev1", Buffer.from("up")]);
    const down = until<Uint8Array>((resolve) => link.onMessage(resolve));
    await broker[channel].publish("dev1", Buffer.alloc(200_000, 7));
    t.is((await down).length, 200_000);
  }
  t.deepEqual(await presence, ["dev1", true]);
  t.is(broker.counters.connections, 2);
});

test("a stolen client id is refused, logged and counted, and its owner stays connected", async (t) => {
  const { ca, broker, refusals } = await stage(t);
  const owner = await raw(t, broker, await ca.leaf(device("dev1")));
  owner.send(connectAs("dev1"));
  t.like(await owner.next(), { cmd: "connack", returnCode: 0 });
  for (const stolen of ["dev1", "dev1:s", "dev2:t", ""]) {
    const thief = await raw(t, broker, await ca.leaf(device("dev2")));
    thief.send(connectAs(stolen));
    t.like(await thief.next(), { cmd: "connack", returnCode: 5 }, stolen);
    t.is(await thief.next(), undefined);
  }
  t.is(broker.counters.refusedClientId, 4);
  t.like(refusals[0], { clientId: "dev1", certificate: "dev2", reason: "the client id is not the certificate's common name" });
  owner.send({ cmd: "pingreq" });
  t.like(await owner.next(), { cmd: "pingresp" });
});

test("certificates that are not of a device are refused", async (t) => {
  const { ca, broker, refusals } = await stage(t, { refuse: async (node) => (node === "lost" ? "the device was revoked" : undefined) });
  const admin = await raw(t, broker, await ca.leaf("CN=admin, O=system:masters"));
  admin.send(connectAs("admin"));
  t.like(await admin.next(), { returnCode: 5 });
  const revoked = await raw(t, broker, await ca.leaf(device("lost")));
  revoked.send(connectAs("lost"));
  t.like(await revoked.next(), { returnCode: 5 });
  t.is(broker.counters.refusedCertificate, 2);
  t.is(refusals[1]?.["reason"], "the device was revoked");

  const foreign = await (await testCa()).leaf(device("dev1"));
  for (const leaf of [{ ...foreign, ca: ca.pem }, { ca: ca.pem }]) {
    const stranger = await raw(t, broker, leaf);
    stranger.send(connectAs("dev1"));
    t.is(await stranger.next(), undefined);
  }
  t.is(broker.counters.refusedTls, 2);
});

test("topics of others, wildcards and wills elsewhere are refused", async (t) => {
  const { ca, broker, refusals } = await stage(t);
  const heard: string[] = [];
  broker.control.onMessage((node) => heard.push(node));
  const dev1 = await raw(t, broker, await ca.leaf(device("dev1")));
  dev1.send(connectAs("dev1"));
  await dev1.next();
  const leaf2 = await ca.leaf(device("dev2"));
  const foreign = ["d/dev1/up", "d/dev1/down", "d/dev2/down", "d/dev2/s/up", "d/dev1/presence", "$SYS/x", "d/dev2/up/more", "server"];
  for (const topic of foreign) {
    const dev2 = await raw(t, broker, leaf2);
    dev2.send(connectAs("dev2"));
    await dev2.next();
    dev2.send({ cmd: "publish", topic, payload: "x", qos: 1, messageId: 1, dup: false, retain: false });
    t.is(await dev2.next(), undefined, topic);
  }
  t.is(broker.counters.refusedPublish, foreign.length);
  t.like(refusals[0], { node: "dev2", topic: "d/dev1/up" });

  const dev2 = await raw(t, broker, leaf2);
  dev2.send(connectAs("dev2", { will: { topic: "d/dev1/up", payload: Buffer.from("x"), qos: 1, retain: false } }));
  await dev2.next();
  const subscriptions = ["d/dev1/down", "d/+/down", "#", "$share/g/d/dev1/down", "d/dev2/up", "d/dev2/down"];
  dev2.send({ cmd: "subscribe", messageId: 2, subscriptions: subscriptions.map((topic) => ({ topic, qos: 1 as const })) });
  t.like(await dev2.next(), { cmd: "suback", granted: [128, 128, 128, 128, 128, 1] });
  dev2.socket.destroy();
  const gone = until<[string, boolean]>((resolve) => broker.control.onPresence((node, present) => resolve([node, present])));
  t.deepEqual(await gone, ["dev2", false]);
  dev1.send({ cmd: "pingreq" });
  t.like(await dev1.next(), { cmd: "pingresp" });
  t.deepEqual(heard, []);
});

test("the later connection of a device takes over", async (t) => {
  const { ca, broker } = await stage(t);
  const leaf = await ca.leaf(device("dev1"));
  const seen: boolean[] = [];
  broker.control.onPresence((_node, present) => seen.push(present));
  const first = await raw(t, broker, leaf);
  first.send(connectAs("dev1"));
  await first.next();
  const second = await raw(t, broker, leaf);
  second.send(connectAs("dev1"));
  t.like(await second.next(), { cmd: "connack", returnCode: 0 });
  t.is(await first.next(), undefined);
  second.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "d/dev1/down", qos: 1 }] });
  await second.next();
  await broker.control.publish("dev1", Buffer.from("hi"));
  t.like(await second.next(), { cmd: "publish", topic: "d/dev1/down" });
  t.is(seen.at(-1), true);
});

test("packets that are too large end the connection before they are collected", async (t) => {
  const { ca, broker } = await stage(t);
  const leaf = await ca.leaf(device("dev1"));
  const large = await raw(t, broker, leaf);
  large.send(connectAs("dev1"));
  await large.next();
  // PUBLISH that announces 200 MB
  large.send(Uint8Array.from([0x30, 0x80, 0x80, 0x80, 0x64, 0, 1]));
  t.is(await large.next(), undefined);
  const greedy = await raw(t, broker, leaf);
  greedy.send(Uint8Array.from([0x10, 0xff, 0xff, 0x7f]));
  t.is(await greedy.next(), undefined);
  t.is(broker.counters.refusedPacket, 2);
});

test("a persistent session is not kept: nothing waits in the broker for a device that is away", async (t) => {
  const { ca, broker } = await stage(t);
  const leaf = await ca.leaf(device("dev1"));
  for (let round = 0; round < 2; round++) {
    const client = await raw(t, broker, leaf);
    client.send(connectAs("dev1", { clean: false }));
    t.like(await client.next(), { cmd: "connack", sessionPresent: false });
    client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "d/dev1/down", qos: 1 }] });
    await client.next();
    const left = until<boolean>((resolve) => broker.control.onPresence((_node, present) => !present && resolve(true)));
    client.socket.destroy();
    await left;
    await t.throwsAsync(broker.control.publish("dev1", Buffer.from("x")), { message: /not connected/ });
  }
});

test("a device that stops reading holds up nobody, and what waits for it is bounded", async (t) => {
  const { ca, broker } = await stage(t);
  const stuck = await raw(t, broker, await ca.leaf(device("stuck")));
  stuck.send(connectAs("stuck"));
  await stuck.next();
  stuck.socket.pause();
  const results: string[] = [];
  for (let count = 0; count < 200; count++) {
    broker.control.publish("stuck", Buffer.alloc(200_000)).then(() => results.push("sent"), (error: Error) => results.push(error.message));
    await new Promise(setImmediate);
  }
  t.true(results.some((result) => result.includes("does not take what it is sent")));
  const other = await raw(t, broker, await ca.leaf(device("other")));
  other.send(connectAs("other"));
  await other.next();
  await broker.control.publish("other", Buffer.from("hi"));
  t.like(await other.next(), { cmd: "publish", topic: "d/other/down" });
});

test("connections are bounded", async (t) => {
  const { ca, broker } = await stage(t, { maxConnections: 1 });
  const leaf = await ca.leaf(device("dev1"));
  const first = await raw(t, broker, leaf);
  await once(first.socket, "secureConnect");
  first.send(connectAs("dev1"));
  await first.next();
  const second = await raw(t, broker, leaf);
  t.is(await second.next(), undefined);
  t.is(broker.counters.refusedConnections, 1);
});

test("a disconnected device loses both connections", async (t) => {
  const { ca, broker } = await stage(t);
  const leaf = await ca.leaf(device("dev1"));
  const clients = [];
  for (const id of ["dev1", "dev1:s"]) {
    const client = await raw(t, broker, leaf);
    client.send(connectAs(id));
    t.like(await client.next(), { returnCode: 0 });
    clients.push(client);
  }
  broker.control.disconnect("dev1");
  for (const client of clients) t.is(await client.next(), undefined);
});

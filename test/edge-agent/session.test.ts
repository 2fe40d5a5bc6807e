/** The agent's half of the protocol, over a memory network with a hub that a test plays. */
import test from "ava";
import { silentLog } from "../../core/api/log.ts";
import type { Entropy } from "../../core/api/entropy.ts";
import { encodeEnvelope } from "../../core/wire/codec.ts";
import { memoryNetwork } from "../../core/wire/memory-link.ts";
import { WIRE_VERSION, type Down, type Up } from "../../core/wire/messages.ts";
import { parseUp } from "../../core/wire/parse.ts";
import { deviceSession } from "../../core/wire/session.ts";
import { messageBus } from "../../edge-agent/message-bus.ts";
import { agentSession, type AgentSession } from "../../edge-agent/session.ts";
import { pod } from "./support/pods.ts";
import { testDevice, type TestDevice } from "./support/device.ts";

function countingEntropy(): Entropy {
  let next = 1;
  return { uid: () => `id-${next++}`, suffix: () => `s${next++}`, bytes: (count) => new Uint8Array(count).fill(next++), fraction: () => 0.5 };
}

interface Hub {
  readonly heard: Up[];
  send(body: Down): Promise<void>;
  last<T extends Up["type"]>(type: T): Extract<Up, { type: T }> | undefined;
  accepting: boolean;
  reset(): void;
}

async function connected(t: { teardown(fn: () => Promise<void>): void }): Promise<{ device: TestDevice; hub: Hub; session: AgentSession }> {
  const device = await testDevice();
  t.teardown(device.close);
  const { clock } = device;
  const entropy = countingEntropy();
  const network = memoryNetwork({ clock, entropy });
  let current = "";
  let seq = 0;
  let lastSeq = 0;
  const hub: Hub = {
    heard: [],
    accepting: true,
    last: (type) => hub.heard.findLast((body) => body.type === type) as never,
    send: (body) => network.hub.publish("device", encodeEnvelope({ v: WIRE_VERSION, session: current, seq: ++seq, at: clock.now(), body })),
    reset: () => network.reset("device"),
  };
  network.hub.onMessage((_node, payload) => {
    // small messages travel as one chunk behind a one-byte header
    const parsed = [payload, payload.subarray(1)].map((bytes) => parseUp(bytes)).find(({ ok }) => ok);
    if (parsed?.ok !== true) return;
    const { envelope } = parsed;
    if (envelope.session !== current) seq = 0;
    current = envelope.session;
    lastSeq = envelope.seq;
    hub.heard.push(envelope.body);
    if (envelope.body.type === "observed" && hub.accepting) void hub.send({ type: "accepted", observed: lastSeq });
  });
  const session = agentSession({
    session: deviceSession({ link: network.device("device"), clock, entropy, log: silentLog }),
    clock, log: silentLog, desired: device.desired, report: device.report, events: device.events,
    instance: "instance", agentVersion: "v1", onServerTime: () => {}, onCertificate: () => {}, messages: messageBus(clock),
  });
  await clock.until(() => hub.last("hello") !== undefined);
  return { device, hub, session };
}

test("a session begins with what the device has, and a full report", async (t) => {
  const { device, hub } = await connected(t);
  await device.clock.until(() => hub.last("observed") !== undefined);
  t.like(hub.heard[0], { type: "hello", instance: "instance", have: [] });
  t.like(hub.heard[1], { type: "observed", full: true });
});

test("pods come down, their status goes up, and a quiet device stays quiet", async (t) => {
  const { device, hub } = await connected(t);
  await hub.send({ type: "desired", full: true, put: [pod("web")], drop: [], now: device.clock.now() });
  await device.clock.until(() => hub.last("observed")?.pods.some(({ status }) => status?.["phase"] === "Running") === true);
  await device.clock.advance(5_000);
  const before = hub.heard.filter(({ type }) => type === "observed").length;
  await device.clock.advance(600_000);
  t.is(hub.heard.filter(({ type }) => type === "observed").length, before);
  t.true(hub.heard.some((body) => body.type === "observed" && body.events.some(({ reason }) => reason === "Started")));
});

test("a report that nobody accepted is told again in the next session, events included", async (t) => {
  const { device, hub } = await connected(t);
  await device.clock.until(() => hub.last("observed") !== undefined);
  await device.clock.advance(1_000);
  hub.accepting = false;
  await hub.send({ type: "desired", full: true, put: [pod("web")], drop: [], now: device.clock.now() });
  await device.clock.until(() => hub.last("observed")?.events.some(({ reason }) => reason === "Pulling") === true || hub.last("observed")?.pods.length === 1);
  hub.accepting = true;
  const heard = hub.heard.length;
  hub.reset();
  await device.clock.until(() => hub.heard.slice(heard).some((body) => body.type === "observed" && body.full));
  await device.clock.advance(10_000);
  const later = hub.heard.slice(heard);
  t.like(later[0], { type: "hello", have: [["v1/pods", "default", "web", "uid-web", "1"]] });
  const events = later.flatMap((body) => (body.type === "observed" ? body.events : [])).map(({ reason }) => reason);
  for (const reason of ["Pulling", "Pulled", "Created", "Started"]) t.true(events.includes(reason), reason);
  t.true(later.some((body) => body.type === "observed" && body.pods.some(({ status }) => status?.["phase"] === "Running")));
});

test("a device whose pods all start at once asks for few tokens at a time, and gets them all", async (t) => {
  const { device, hub, session } = await connected(t);
  const request = { namespace: "default", serviceAccount: "default", pod: "web", podUid: "u", audiences: [], expirationSeconds: 3600 };
  const given = Promise.all(Array.from({ length: 200 }, () => session.token(request)));
  const asked = () => hub.heard.flatMap((body) => (body.type === "token" ? [body.id] : []));
  await device.clock.advance(1_000);
  t.is(asked().length, 16);
  const answered = new Set<number>();
  while (answered.size < 200) {
    const open = asked().filter((id) => !answered.has(id));
    t.true(open.length <= 16);
    for (const id of open) {
      answered.add(id);
      await hub.send({ type: "token", id, token: String(id), expires: "2030-01-01T01:00:00Z" });
    }
    await device.clock.advance(100);
  }
  t.is(new Set((await given).map(({ token }) => token)).size, 200);
});

test("tokens are asked for and answered by id; a lost session fails them", async (t) => {
  const { device, hub, session } = await connected(t);
  const request = { namespace: "default", serviceAccount: "default", pod: "web", podUid: "u", audiences: [], expirationSeconds: 600 };
  const first = session.token(request);
  await device.clock.until(() => hub.last("token") !== undefined);
  await hub.send({ type: "token", id: hub.last("token")?.id ?? -1, token: "secret", expires: "2030-01-01T01:00:00Z" });
  await device.clock.advance(100);
  t.deepEqual(await first, { token: "secret", expires: "2030-01-01T01:00:00Z" });
  const refused = t.throwsAsync(session.token(request), { message: /no such account/ });
  await device.clock.advance(100);
  await hub.send({ type: "token", id: hub.last("token")?.id ?? -1, error: "no such account" });
  await device.clock.advance(100);
  await refused;
  const lost = t.throwsAsync(session.token(request), { message: /connection to the server was lost/ });
  await device.clock.advance(100);
  hub.reset();
  await device.clock.advance(5_000);
  await lost;
});

import test from "ava";
import * as fc from "fast-check";
import { systemEntropy } from "../../core/api/entropy.ts";
import type { Entropy } from "../../core/api/entropy.ts";
import { silentLog } from "../../core/api/log.ts";
import { CHUNK_BYTES, joiner } from "../../core/wire/chunks.ts";
import { encodeEnvelope } from "../../core/wire/codec.ts";
import { memoryNetwork } from "../../core/wire/memory-link.ts";
import type { Faults } from "../../core/wire/memory-link.ts";
import type { Down, Envelope, Up } from "../../core/wire/messages.ts";
import { parseUp } from "../../core/wire/parse.ts";
import { deviceSession } from "../../core/wire/session.ts";
import { virtualClock } from "../support/virtual-clock.ts";

/** mulberry32: a seed is a whole run */
function seeded(seed: number): Entropy {
  let state = seed;
  return {
    ...systemEntropy,
    fraction() {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}

const hello: Up = { type: "hello", instance: "i", agentVersion: "1", have: [] };

function stage(options: { seed?: number; faults?: Faults } = {}) {
  const clock = virtualClock();
  const entropy = seeded(options.seed ?? 1);
  const network = memoryNetwork({ clock, entropy, faults: options.faults ?? {} });
  const link = network.device("dev");
  const session = deviceSession({ link, clock, entropy, log: silentLog });
  const up: Envelope<Up>[] = [];
  const join = joiner();
  network.hub.onMessage((_node, payload) => {
    const joined = join.accept(payload).message;
    if (joined === undefined) return;
    const parsed = parseUp(joined);
    if (parsed.ok) up.push(parsed.envelope);
  });
  const say = (body: Down, seq: number, id = up.at(-1)?.session ?? "") =>
    network.hub.publish("dev", encodeEnvelope({ v: 1, session: id, seq, at: 0, body })).catch(() => {});
  return { clock, network, session, up, say };
}

test("a session begins when the link does, and messages are numbered from 1", async (t) => {
  const { clock, session, up } = stage();
  session.onStart(() => void session.send(hello));
  await clock.advance(2_000);
  await session.send({ type: "resync" });
  await clock.settle();
  await clock.advance(10);
  t.deepEqual(up.map((one) => [one.seq, one.body.type]), [[1, "hello"], [2, "resync"]]);
});

test("large messages arrive whole and in order with those after them", async (t) => {
  const { clock, session, up } = stage();
  await clock.advance(2_000);
  const csr = "x".repeat(60_000);
  const have = Array.from({ length: 6_000 }, (_, index) => ["v1/configmaps", "default", `name-${index}`, "uid", "1"] as const);
  const big = session.send({ ...hello, have });
  const small = session.send({ type: "renew", csr });
  await clock.advance(10);
  t.deepEqual(await Promise.all([big, small]), [1, 2]);
  t.true(encodeEnvelope({ v: 1, session: "", seq: 1, at: 0, body: { ...hello, have } }).length > 2 * CHUNK_BYTES);
  t.deepEqual(up.map((one) => one.seq), [1, 2]);
  t.is(up[0]?.body.type === "hello" && up[0].body.have.length, 6_000);
});

test("a ping is answered without the agent", async (t) => {
  const { clock, session, up, say } = stage();
  session.onStart(() => void session.send(hello));
  const seen: Down[] = [];
  session.onMessage((body) => seen.push(body));
  await clock.advance(2_000);
  await say({ type: "ping" }, 1);
  await clock.advance(10);
  t.is(up.at(-1)?.body.type, "pong");
  t.deepEqual(seen, []);
});

test("a missing message of the server begins another session; a repeated one does not", async (t) => {
  const { clock, session, up, say } = stage();
  session.onStart(() => void session.send(hello));
  const seen: Down[] = [];
  session.onMessage((body) => seen.push(body));
  await clock.advance(2_000);
  const first = up.at(-1)?.session;
  await say({ type: "accepted", observed: 1 }, 1);
  await say({ type: "accepted", observed: 1 }, 1);
  await clock.advance(10);
  t.is(seen.length, 1);
  t.is(up.at(-1)?.session, first);
  await say({ type: "accepted", observed: 3 }, 3);
  await clock.advance(2_000);
  t.is(seen.length, 1);
  t.not(up.at(-1)?.session, first);
  t.deepEqual(up.at(-1)?.seq, 1);
});

test("a server that knows no session asks for one, by name or in general", async (t) => {
  const { clock, session, up, say } = stage();
  session.onStart(() => void session.send(hello));
  await clock.advance(2_000);
  const sessions = [up.at(-1)?.session];
  await say({ type: "resync" }, 0);
  await clock.advance(2_000);
  sessions.push(up.at(-1)?.session);
  await say({ type: "resync" }, 0, "");
  await clock.advance(2_000);
  sessions.push(up.at(-1)?.session);
  await say({ type: "resync" }, 0, "somebody else's");
  await clock.advance(2_000);
  t.is(new Set(sessions).size, 3);
  t.is(up.at(-1)?.session, sessions[2]);
});

test("what an ended session did not send is refused, not kept", async (t) => {
  const { clock, network, session } = stage();
  await t.throwsAsync(session.send(hello), { message: /no session/ });
  await clock.advance(2_000);
  network.reset();
  await t.throwsAsync(session.send(hello), { message: /no session/ });
});

test("whatever a link does, what arrives is in order, and after a heal the server is heard again", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const { clock, network, session, up, say } = stage({ seed, faults: { loss: 0.2, reorder: 0.2, duplicate: 0.2, delay: { from: 1, to: 400 } } });
      let known = "";
      let seq = 0;
      let spoken = 0;
      // the least a hub does: answers hello, and asks for one when it does not know the session
      const hear = async () => {
        for (const one of up.splice(0)) {
          if (one.body.type !== "hello" && one.session !== known) await say({ type: "resync" }, 0, one.session);
          else if (one.body.type === "hello" && one.session !== known) {
            known = one.session;
            seq = 0;
            await say({ type: "accepted", observed: spoken++ }, ++seq, known);
          }
        }
      };
      const seen: number[] = [];
      session.onStart(() => void session.send(hello).catch(() => {}));
      session.onMessage((body) => body.type === "accepted" && seen.push(body.observed));
      for (let round = 0; round < 30; round++) {
        await clock.advance(700);
        await hear();
        if (known !== "") await say({ type: "accepted", observed: spoken++ }, ++seq, known);
        t.deepEqual(seen, seen.toSorted((a, b) => a - b));
        t.is(new Set(seen).size, seen.length);
      }
      network.faults({});
      for (let second = 0; second < 40; second++) {
        await clock.advance(1_000);
        await hear();
        if (second === 20) await say({ type: "accepted", observed: spoken++ }, ++seq, known);
      }
      await say({ type: "accepted", observed: 10_000 }, ++seq, known);
      await clock.advance(100);
      t.is(seen.at(-1), 10_000);
    }),
    { numRuns: 10 },
  );
});

test("a cut is found by keepalive, a heal brings the device back", async (t) => {
  const { clock, network } = stage();
  const presence: boolean[] = [];
  network.hub.onPresence((_node, present) => presence.push(present));
  await clock.advance(2_000);
  network.partition(true, "dev");
  await clock.advance(60_000);
  t.deepEqual(presence, [true]);
  await clock.advance(40_000);
  t.deepEqual(presence, [true, false]);
  network.partition(false, "dev");
  await clock.advance(2_000);
  t.deepEqual(presence, [true, false, true]);
});

import test from "ava";
import { messageBus } from "../../edge-agent/message-bus.ts";
import type { GuestMessage } from "../../edge-agent/message-bus.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const message = (topic: string, payload = "x", namespace = "default"): GuestMessage => ({ namespace, pod: "p", topic, payload: Buffer.from(payload) });

function bus() {
  const clock = virtualClock();
  const made = messageBus(clock);
  const heard: string[] = [];
  const stop = made.subscribe("default", "plant/#", ({ topic, payload }) => void heard.push(`${topic} ${Buffer.from(payload).toString()}`));
  return { clock, bus: made, heard, stop };
}

test("pods of one namespace hear each other without a server; others do not", (t) => {
  const { bus: on, heard, stop } = bus();
  on.publish(message("plant/a"));
  on.publish(message("other"));
  on.publish(message("plant/a", "x", "elsewhere"));
  on.arrived({ namespace: "default", topic: "plant/b", payload: Buffer.from("y") });
  t.deepEqual(heard, ["plant/a x", "plant/b y"]);
  stop();
  on.publish(message("plant/a"));
  t.is(heard.length, 2);
});

test("what nobody takes is kept, the latest of it, and leaves in order when there is a session", async (t) => {
  const { bus: on, clock } = bus();
  const sent: string[] = [];
  for (let at = 0; at < 300; at++) {
    t.true(on.publish(message("a", String(at))));
    await clock.advance(1000);
  }
  let failing = false;
  on.connect(async ({ payload }) => {
    if (failing) throw new Error("over");
    sent.push(Buffer.from(payload).toString());
    if (sent.length === 10) failing = true;
  });
  await clock.settle();
  t.deepEqual([sent.length, sent[0]], [10, "44"]);
  failing = false;
  on.connect(async ({ payload }) => void sent.push(Buffer.from(payload).toString()));
  await clock.settle();
  t.deepEqual([sent.length, sent.at(-1)], [256, "299"]);
});

test("a pod cannot flood the server", async (t) => {
  const { bus: on, clock } = bus();
  let taken = 0;
  for (let at = 0; at < 1000; at++) if (on.publish(message("a"))) taken++;
  t.is(taken, 50);
  await clock.advance(1000);
  for (let at = 0; at < 1000; at++) if (on.publish(message("a"))) taken++;
  t.is(taken, 55);
});

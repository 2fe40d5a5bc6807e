/** What components say to the agent: messages and metrics, over real processes. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import test from "ava";
import type { ExecutionContext } from "ava";
import { systemClock } from "../../core/api/clock.ts";
import { messageBus } from "../../edge-agent/message-bus.ts";
import type { WasiRuntime } from "../../edge-agent/runtimes/wasi/wasi.ts";
import { agentLine } from "../../wasm-runtime/host/agent-line.ts";
import { metrics } from "../../wasm-runtime/host/metrics.ts";
import { Failure } from "../../wasm-runtime/host/io.ts";
import { device, planOf, podOf } from "./support/pods.ts";

const topics = { "wasi.lichen.dev/publish": "plant/+", "wasi.lichen.dev/subscribe": "plant/#" };

async function start(runtime: WasiRuntime, directory: string, name: string, image: string, args: readonly string[], annotations: Record<string, string>) {
  const container = { name: "main", image: `registry.lichen.internal/${image}:1` };
  const pod = { ...podOf(name, [container]), metadata: { name, namespace: "default", uid: `uid-${name}`, annotations } };
  const found = await runtime.pullImage(container.image, { pod, secrets: [], signal: AbortSignal.timeout(60_000) });
  const sandbox = await runtime.startSandbox(pod, { logDirectory: "/", attempt: 0, hostname: "", dns: { servers: [], searches: [], options: [] } });
  const id = await runtime.createContainer(sandbox, planOf(directory, pod, container, found, { args }));
  await runtime.startContainer(id);
  const log = () => readFileSync(join(directory, "logs", `${name}-main.log`), "utf8").split("\n").flatMap((line) => /^\S+ \S+ F (.*)$/.exec(line)?.[1] ?? []);
  return { id, sandbox, log };
}

/** Looks until it is so; the test's own time limit ends it. */
async function until(t: ExecutionContext, so: () => boolean): Promise<void> {
  t.timeout(120_000);
  while (!so()) await setTimeout(20);
}

test("pods of a device hear each other, also after the agent was restarted", async (t) => {
  const { runtime, directory, open } = device(t);
  const listener = await start(runtime, directory, "screen", "c/messaging", ["plant/start", "here", "plant/#", "3"], topics);
  await until(t, () => listener.log().includes("plant/start: here"));
  const other = await start(runtime, directory, "sensor", "c/messaging", ["plant/a", "21", "plant/a", "1"], topics);
  await until(t, () => listener.log().includes("plant/a: 21") && other.log().includes("plant/a: 21"));
  await runtime.close();

  const bus = messageBus(systemClock);
  const next = open({ messages: bus });
  t.teardown(() => next.close());
  // heard once the process has found the new agent
  const again = setInterval(() => bus.publish({ namespace: "default", pod: "other", topic: "plant/b", payload: Buffer.from("22") }), 300);
  await until(t, () => listener.log().includes("plant/b: 22")).finally(() => clearInterval(again));
  t.pass();
});

test("topics that were not granted are refused, and the log says so", async (t) => {
  const { runtime, directory } = device(t);
  const silent = await start(runtime, directory, "silent", "c/messaging", ["plant/a", "x", "plant/#", "1"], {});
  await until(t, () => silent.log().includes("subscribe: denied"));
  t.true(silent.log().some((line) => line.includes('asked for messages of "plant/#", which is not granted')));
  const wider = await start(runtime, directory, "wider", "c/messaging", ["plant/a", "x", "#", "1"], topics);
  await until(t, () => wider.log().includes("subscribe: denied"));
  const mute = await start(runtime, directory, "mute", "c/messaging", ["weather", "x", "plant/#", "1"], topics);
  await until(t, () => mute.log().includes("publish: denied"));
  const wrong = await start(runtime, directory, "wrong", "c/messaging", ["plant/+", "x", "plant/#", "1"], topics);
  await until(t, () => wrong.log().includes("publish: invalid"));
  await t.throwsAsync(start(runtime, directory, "typo", "c/messaging", [], { "wasi.lichen.dev/publish": "a#" }), { message: /annotation wasi.lichen.dev\/publish: "a#"/ });
});

test("what a component counts is a figure of its device, and gone with it", async (t) => {
  const { runtime, directory } = device(t);
  const { sandbox } = await start(runtime, directory, "counter", "c/metrics", ["10"], {});
  const figures = () => (runtime.series?.() ?? []).map(({ pod, container, name, type, labels, value }) => `${pod}/${container} ${type} ${name} ${JSON.stringify(labels)} ${value}`);
  await until(t, () => figures().some((line) => line.endsWith("{} 1")));
  t.deepEqual(figures().toSorted(), [
    'counter/main counter numbers_total {"parity":"even"} 5',
    'counter/main counter numbers_total {"parity":"odd"} 5',
    "counter/main gauge progress_ratio {} 1",
  ]);
  await runtime.stopSandbox(sandbox);
  t.deepEqual(figures(), []);
});

test("who speaks nonsense to the agent is cut off, and the agent goes on", async (t) => {
  const { runtime, directory } = device(t);
  const { sandbox, id } = await start(runtime, directory, "counter", "c/metrics", ["1"], {});
  const path = join(directory, "pods", sandbox, "containers", id, "agent.sock");
  for (const text of ["nonsense\n", '{"say":"values","values":[["x",1]]}\n', '{"say":"series","index":1,"name":"UP","type":"gauge","labels":{}}\n', '{"say":"series","index":1,"name":"up","type":"gauge","labels":{"pod":"other"}}\n', "x".repeat(200_000)]) {
    const socket = connect(path);
    socket.on("error", () => {});
    socket.write(text);
    await new Promise((resolve) => socket.resume().once("close", resolve));
  }
  await until(t, () => runtime.series?.().some(({ name, value }) => name === "progress_ratio" && value === 1) === true);
  t.pass();
});

test("metrics are bounded in names, labels and number", (t) => {
  const sent: string[] = [];
  const net = { begin: () => 1, tell: (order: object) => void sent.push(JSON.stringify(order)), adopt() {}, end() {}, endAll() {} };
  const { add, set } = metrics(agentLine(net, "/tmp"));
  const code = (call: () => void) => {
    try {
      call();
    } catch (error) {
      return error instanceof Failure ? error.payload : error;
    }
    return "";
  };
  for (const name of ["", "Up", "a-b", "1a", "x".repeat(65)]) t.is(code(() => set(name, [], 1)), "invalid", name);
  t.is(code(() => set("a", [["pod", "x"]], 1)), "invalid");
  t.is(code(() => set("a", [["l", "x".repeat(65)]], 1)), "invalid");
  t.is(code(() => set("a", Array.from({ length: 5 }, (_one, at) => [`l${at}`, ""] as const), 1)), "invalid");
  t.is(code(() => add("a", [], -1)), "invalid");
  t.is(code(() => add("a", [], NaN)), "invalid");
  for (let at = 0; at < 100; at++) t.is(code(() => set("a", [["l", String(at)]], 1)), "");
  t.is(code(() => add("a", [["l", "1"]], 1)), "invalid");
  t.is(code(() => set("b", [], 1)), "too-many");
  t.is(code(() => set("a", [["l", "99"]], 2)), "");
  t.is(sent.length, 100);
});

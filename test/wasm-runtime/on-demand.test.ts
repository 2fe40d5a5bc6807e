import { once } from "node:events";
import { existsSync } from "node:fs";
import { Agent, get } from "node:http";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { MAX_WAITING_CONNECTIONS, serveOnDemand } from "../../wasm-runtime/on-demand.ts";
import type { OnDemandOptions } from "../../wasm-runtime/on-demand.ts";
import { componentState } from "../../wasm-runtime/process.ts";
import { example, prepared } from "./support/components.ts";

const agent = new Agent({ keepAlive: true });

async function ask(port: number, headers = {}): Promise<string> {
  const [response] = (await once(get({ port, host: "127.0.0.1", agent, headers }), "response")) as [IncomingMessage];
  let text = "";
  for await (const part of response) text += String(part);
  return text;
}

const running = (stateDir: string) => {
  const found = componentState(stateDir);
  if (found.state !== "running") throw new Error(`it is ${found.state}`);
  return found.running;
};

/** A service, and a way to wait for its next sleep or waking. */
async function service(t: ExecutionContext, more: Partial<OnDemandOptions> = {}) {
  const { options } = await prepared(t, example("hello"));
  const changes: (() => void)[] = [];
  const given: OnDemandOptions = { ...options({ env: [["HOSTNAME", "sleeper"]] }), idleMs: 300, onChange: () => changes.splice(0).forEach((tell) => tell()), ...more };
  const demand = await serveOnDemand(given);
  t.teardown(() => demand.stop(0));
  const asleep = async () => {
    const alive = setInterval(() => {}, 60_000);
    while (running(given.stateDir).asleep !== true) await new Promise<void>((resolve) => changes.push(resolve));
    clearInterval(alive);
  };
  return { given, demand, asleep, port: running(given.stateDir).listening[0]?.port ?? 0 };
}

test("a service sleeps when nobody asks, and answers whoever wakes it", async (t) => {
  const { given, port, asleep } = await service(t);
  const first = running(given.stateDir);
  t.true(first.pid > 0);
  t.is(await ask(port), "hello from sleeper\n");
  await asleep();
  t.false(existsSync(`/proc/${first.pid}`));
  t.deepEqual(running(given.stateDir).listening, first.listening);
  // many at once: each waits, and none is lost
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(port)));
  t.true(answers.every((text) => text === "hello from sleeper\n"));
  t.not(running(given.stateDir).pid, first.pid);
  await asleep();
});

test("no request is lost while it goes to sleep and wakes again and again", async (t) => {
  const { port } = await service(t, { idleMs: 1 });
  for (let count = 0; count < 12; count++) {
    t.is(await ask(port, { connection: "close" }), "hello from sleeper\n");
    await new Promise((resolve) => setTimeout(resolve, count * 7));
  }
});

test("probes keep nobody awake", async (t) => {
  const { port, asleep } = await service(t);
  const alive = setInterval(() => void ask(port, { "user-agent": "kube-probe/1.36", connection: "close" }).catch(() => {}), 100);
  // awake again at once, since here nobody asks the state first
  await asleep();
  clearInterval(alive);
  t.pass();
});

test("what waits is bounded: the others are told to come again", async (t) => {
  const { port, asleep, given } = await service(t);
  await asleep();
  const sockets = Array.from({ length: MAX_WAITING_CONNECTIONS + 20 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  const told = sockets.map(async (socket) => {
    socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let text = "";
    for await (const part of socket) text += String(part);
    return /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
  });
  const codes = await Promise.all(told);
  t.true(codes.every((code) => code === "200" || code === "503"));
  t.true(codes.filter((code) => code === "200").length >= MAX_WAITING_CONNECTIONS);
  t.is(running(given.stateDir).asleep, undefined);
});

test("an end that is no sleep is the container's, and a stop ends it asleep or awake", async (t) => {
  const ended: string[] = [];
  const awake = await service(t, { onExit: () => void ended.push("awake") });
  process.kill(running(awake.given.stateDir).pid, "SIGKILL");
  while (ended.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  t.like(componentState(awake.given.stateDir), { state: "exited", exit: { code: 137 } });
  const sleeper = await service(t);
  await sleeper.asleep();
  await sleeper.demand.stop(1000);
  t.like(componentState(sleeper.given.stateDir), { state: "exited", exit: { code: 0, reason: "Completed" } });
});

test("the next agent goes on where the last one left it", async (t) => {
  const { given, demand, port } = await service(t, { idleMs: 60_000 });
  const { pid } = running(given.stateDir);
  demand.release();
  const next = await serveOnDemand({ ...given, listen: [{ host: "127.0.0.1", port }] });
  t.teardown(() => next.stop(0));
  t.is(await ask(port, { connection: "close" }), "hello from sleeper\n");
  t.not(running(given.stateDir).pid, pid);
  while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 20));
  t.true(existsSync(join(given.stateDir, "process-2")));
});

import { mkdirSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import test from "ava";
import type { ExecutionContext } from "ava";
import { componentState, endIfStuck, startComponent } from "../../wasm-runtime/process.ts";
import type { StartOptions } from "../../wasm-runtime/process.ts";
import { logLines, prepared } from "./support/components.ts";
import { guest } from "./support/guests.ts";

async function service(t: ExecutionContext, more: Partial<StartOptions> = {}) {
  const { options, directory } = await prepared(t, guest("service"));
  let tell = () => {};
  const gone = new Promise<void>((resolve) => (tell = resolve));
  const given = options({ memoryLimitBytes: 16 << 20, ...more, onExit: tell });
  const running = await startComponent(given);
  const url = `http://127.0.0.1:${running.listening[0]?.port}`;
  const ask = async (path: string) => {
    const answer = await fetch(`${url}${path}`);
    return { status: answer.status, text: (await answer.text()).trim() };
  };
  /** Resolves when the process has ended; keeps the test alive until then. */
  const exit = async () => {
    const alive = setInterval(() => {}, 60_000);
    await gone.finally(() => clearInterval(alive));
    const state = componentState(given.stateDir);
    if (state.state !== "exited") throw new Error(`it is ${state.state}`);
    return state.exit;
  };
  return { ask, exit, url, directory, stateDir: given.stateDir, log: () => logLines(given.logPath), running };
}

test("an instance serves many requests, or one when the pod asks for that", async (t) => {
  const reused = await service(t);
  t.deepEqual([await reused.ask("/"), await reused.ask("/")], [{ status: 200, text: "1" }, { status: 200, text: "2" }]);
  const fresh = await service(t, { instance: "fresh" });
  t.deepEqual([await fresh.ask("/"), await fresh.ask("/")], [{ status: 200, text: "1" }, { status: 200, text: "1" }]);
});

test("a service can read all of a request", async (t) => {
  const { url } = await service(t);
  // method 2 is post, scheme 0 http
  const answer = await fetch(`${url}/about`, { method: "POST", headers: { "x-test": "1" }, body: "body" });
  t.is((await answer.text()).trim(), "2 0 1 1 body");
});

for (const path of ["/spin", "/sleep"]) {
  test(`${path}: a request that does not return is ended, the others are served`, async (t) => {
    const { ask, log } = await service(t, { requestTimeoutMs: 300 });
    const [stuck, ...others] = await Promise.all([ask(path), ask("/a"), ask("/b"), ask("/c")]);
    t.deepEqual(stuck, { status: 504, text: "the component took too long" });
    t.deepEqual(others.map(({ status }) => status), [200, 200, 200]);
    t.true(log().some((line) => line.includes("ran for longer than 300 ms")));
  });
}

test("a busy service that gets stuck is ended from outside, with the reason", async (t) => {
  const { ask, exit, stateDir } = await service(t, { requestTimeoutMs: 300 });
  // more than the host arms its own bound for
  for (let round = 0; round < 12; round++) await Promise.all(Array.from({ length: 30 }, () => ask("/")));
  const later = Date.now() + 600_000;
  t.false(endIfStuck(stateDir, 300, later));
  const stuck = ask("/spin").catch(() => undefined);
  const flood = Array.from({ length: 400 }, () => ask("/").catch(() => undefined));
  while (componentState(stateDir).state === "running" && !endIfStuck(stateDir, 300, later)) {
    if ((await Promise.race([stuck, setTimeout(20)]))?.status === 504) return t.pass();
  }
  t.like(await exit(), { code: 137, reason: "Error", message: "a request took longer than 300 ms" });
  await Promise.all([stuck, ...flood]);
});

test("a trap answers 500, and the next request finds a fresh instance", async (t) => {
  const { ask, log } = await service(t);
  await ask("/");
  t.is((await ask("/trap")).status, 500);
  t.deepEqual(await ask("/"), { status: 200, text: "1" });
  t.true(log().some((line) => /trapped: .*unreachable/.test(line)));
});

test("no answer is 500; lengths that nobody needs, and fields without end, are refused", async (t) => {
  const { ask } = await service(t);
  for (const path of ["/silent", "/random", "/headers"]) t.is((await ask(path)).status, 500, path);
  t.is((await ask("/")).status, 200);
});

test("exit in the middle of a request ends the process", async (t) => {
  const { ask, exit } = await service(t);
  await t.throwsAsync(ask("/exit"));
  // WASI 0.2 knows success and failure only
  t.like(await exit(), { code: 1, reason: "Error" });
});

test("memory without end is OOMKilled", async (t) => {
  const { ask, exit } = await service(t);
  await Promise.allSettled([ask("/grow")]);
  const { code, reason, message } = await exit();
  t.deepEqual([code, reason], [137, "OOMKilled"]);
  t.regex(message ?? "", /of 16777216 bytes of memory/);
});

test("host objects without end end their instance", async (t) => {
  const { ask, log } = await service(t);
  t.is((await ask("/objects")).status, 500);
  t.true(log().some((line) => /trapped: the component keeps 16384 resources of one kind/.test(line)));
  t.is((await ask("/")).status, 200);
});

test("descriptors are bounded, and are back when their instance is gone", async (t) => {
  const { options, directory } = await prepared(t, guest("service"));
  const volume = join(directory, "volume");
  mkdirSync(volume);
  writeFileSync(join(volume, "file"), "x");
  const running = await startComponent(options({ memoryLimitBytes: 16 << 20, instance: "fresh", grants: { preopens: [{ hostPath: volume, guestPath: "/data", readOnly: true }] } }));
  const ask = async () => Number(await (await fetch(`http://127.0.0.1:${running.listening[0]?.port}/open`)).text());
  const counts: number[] = [];
  for (let round = 0; round < 12; round++) counts.push(await ask());
  t.true(counts.every((count) => count > 50 && count < 600 && count === counts[0]), String(counts));
});

test("an answer without end stops at what a client that does not read may have waiting", async (t) => {
  const { ask, url } = await service(t);
  const read = await new Promise<number>((resolve) => {
    let size = 0;
    const request = get(`${url}/body`, (response) => {
      response.on("data", (chunk: Buffer) => (size += chunk.length));
      response.once("close", () => resolve(size));
    });
    request.once("error", () => resolve(size));
  });
  t.true(read <= 17 << 20);
  t.is((await ask("/")).status, 200);
});

test("a host process that is killed is an error, and its neighbour goes on", async (t) => {
  const [victim, neighbour] = [await service(t), await service(t)];
  process.kill(victim.running.pid, "SIGKILL");
  t.like(await victim.exit(), { code: 137, reason: "Error" });
  t.is((await neighbour.ask("/")).status, 200);
});

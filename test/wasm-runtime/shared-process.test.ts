import { once } from "node:events";
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import test from "ava";
import { componentState, stopComponent } from "../../wasm-runtime/process.ts";
import { endIfHeld, MAX_TURN_MS, sharedStateDir, startShared, usageOfShared } from "../../wasm-runtime/shared-process.ts";
import type { Group } from "../../wasm-runtime/shared-process.ts";
import type { StartOptions } from "../../wasm-runtime/start-options.ts";
import { command, ended, example, fails, hoards, hoardsResources, logLines, prepared, spins, succeeds, traps } from "./support/components.ts";
import type { Prepared } from "./support/components.ts";

const groupOf = ({ directory }: Prepared): Group => ({ directory: join(directory, "shared"), logs: `${directory}/*`, stores: join(directory, "keyvalue"), files: false, maxMemoryBytes: 256 << 20 });

let count = 0;
function inGroup(of: Prepared, group: Group, more: Partial<StartOptions> = {}): StartOptions {
  const id = `c0ffee${String(count++).padStart(4, "0")}`;
  return of.options({ logPath: join(group.directory, `${id}.log`), ...more, stateDir: sharedStateDir(group.directory, id) });
}

async function bodyOf(port: number): Promise<string> {
  const [response] = (await once(get({ port, host: "127.0.0.1", agent: false }), "response")) as [AsyncIterable<Buffer> & { statusCode: number }];
  let text = "";
  for await (const part of response) text += part.toString();
  return text;
}

test("services share a process, and answer with what each one's environment says", async (t) => {
  const hello = await prepared(t, example("hello"));
  const group = groupOf(hello);
  const given = ["one", "two", "three"].map((name) => inGroup(hello, group, { env: [["HOSTNAME", name]] }));
  const running = await Promise.all(given.map((each) => startShared(group, each)));
  t.teardown(() => Promise.all(given.map(({ stateDir }) => stopComponent(stateDir, 0))));
  t.is(new Set(running.map(({ pid }) => pid)).size, 1);
  const bodies = await Promise.all(running.map(({ listening }) => bodyOf(listening[0]?.port ?? 0)));
  t.deepEqual(bodies, ["hello from one\n", "hello from two\n", "hello from three\n"]);
  const usage = await usageOfShared(group.directory);
  t.is(Object.keys(usage ?? {}).length, 3);
  t.true(Object.values(usage ?? {}).every(({ memoryBytes, cpuNs }) => memoryBytes > 0 && cpuNs > 0));
  const [first] = given;
  await stopComponent(first?.stateDir ?? "", 1000);
  t.is(componentState(first?.stateDir ?? "").state, "exited");
  t.is(await bodyOf(running[1]?.listening[0]?.port ?? 0), "hello from two\n");
});

test("commands sleep side by side", async (t) => {
  const ticker = await prepared(t, example("ticker"));
  const group = groupOf(ticker);
  const given = [0, 1].map(() => inGroup(ticker, group));
  await Promise.all(given.map((each) => startShared(group, each)));
  const ticks = (path: string) => logLines(path).filter((line) => line.includes("tick")).length;
  while (given.some(({ logPath }) => ticks(logPath) < 2)) await new Promise((resolve) => setTimeout(resolve, 50));
  await Promise.all(given.map(({ stateDir }) => stopComponent(stateDir, 1000)));
  t.deepEqual(given.map(({ stateDir }) => componentState(stateDir)).map((state) => (state.state === "exited" ? state.exit.code : undefined)), [143, 143]);
});

test("each end is its own: the neighbour goes on", async (t) => {
  const hello = await prepared(t, example("hello"));
  const group = groupOf(hello);
  const neighbour = inGroup(hello, group, { env: [["HOSTNAME", "neighbour"]] });
  const running = await startShared(group, neighbour);
  t.teardown(() => stopComponent(neighbour.stateDir, 0));
  const ends: Record<string, readonly [unknown, string]> = {};
  const cases = { succeeds: await command(succeeds), fails: await command(fails), traps: await command(traps), hoards: await command(hoards), hoardsResources: await hoardsResources() };
  for (const [name, component] of Object.entries(cases)) {
    const given = inGroup(await prepared(t, component), group);
    const exit = await ended(given.stateDir, (onExit) => startShared(group, { ...given, onExit }));
    ends[name] = [exit.code, exit.reason];
  }
  t.deepEqual(ends, { succeeds: [0, "Completed"], fails: [1, "Error"], traps: [134, "Error"], hoards: [137, "OOMKilled"], hoardsResources: [134, "Error"] });
  t.is(await bodyOf(running.listening[0]?.port ?? 0), "hello from neighbour\n");
});

test("one that does not give way ends the process: it is named, the others are without blame", async (t) => {
  const hello = await prepared(t, example("hello"));
  const group = groupOf(hello);
  const neighbour = inGroup(hello, group);
  const running = await startShared(group, neighbour);
  const spinner = inGroup(await prepared(t, await command(spins)), group);
  await startShared(group, spinner);
  while (!readFileSync(`/proc/${running.pid}/cmdline`, "latin1").includes("busy")) await new Promise((resolve) => setTimeout(resolve, 20));
  t.deepEqual(endIfHeld(group.directory, Date.now()), []);
  t.is(endIfHeld(group.directory, Date.now() + MAX_TURN_MS * 2).length, 2);
  const [first, second] = [neighbour, spinner].map(({ stateDir }) => componentState(stateDir));
  t.like(first, { state: "exited", exit: { code: 137, fault: "blameless", reason: "SharedProcessEnded" } });
  t.like(second, { state: "exited", exit: { code: 137, fault: "culprit", reason: "Error" } });
  const again = inGroup(hello, group);
  const next = await startShared(group, again);
  t.teardown(() => stopComponent(again.stateDir, 0));
  t.not(next.pid, running.pid);
  t.regex(await bodyOf(next.listening[0]?.port ?? 0), /hello/);
});

import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import test from "ava";
import { componentState, startComponent, stopComponent } from "../../wasm-runtime/process.ts";
import type { RunningRecord } from "../../wasm-runtime/process.ts";
import { beginsLarge, command, digestOf, ended, example, fails, hoards, hoardsResources, keyPair, logLines, prepared, spins, spinsAtStart, succeeds, traps } from "./support/components.ts";
import { filesComponent } from "./support/files-component.ts";

const get = async (running: RunningRecord, path = "/") => fetch(`http://127.0.0.1:${running.listening[0]?.port}${path}`);

test("a service answers with what its environment says, and ends in order", async (t) => {
  const { options } = await prepared(t, example("hello"));
  const given = options({ env: [["HOSTNAME", "pod-1"], ["MESSAGE", "grüezi"]] });
  const running = await startComponent(given);
  for (let count = 0; count < 3; count++) {
    const answer = await get(running, "/any?x=1");
    t.is(answer.status, 200);
    t.is(answer.headers.get("content-type"), "text/plain");
    t.is(await answer.text(), "grüezi from pod-1\n");
  }
  t.is(componentState(given.stateDir).state, "running");
  await stopComponent(given.stateDir, 5000);
  const state = componentState(given.stateDir);
  t.like(state, { state: "exited", exit: { code: 0, reason: "Completed" } });
});

test("a command writes the CRI log and ends with its own code", async (t) => {
  const { options } = await prepared(t, example("ticker"));
  const given = options({ env: [["TICKS", "3"], ["INTERVAL_MS", "1"], ["EXIT_CODE", "7"]] });
  const exit = await ended(given.stateDir, (onExit) => startComponent({ ...given, onExit }));
  t.like(exit, { code: 7, reason: "Error" });
  const lines = logLines(given.logPath);
  t.is(lines.length, 3);
  t.regex(lines[2] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout F tick 3$/);
});

test("ends are told apart", async (t) => {
  const end = async (body: string, more = {}) => {
    const { options } = await prepared(t, await command(body));
    const given = options(more);
    return ended(given.stateDir, (onExit) => startComponent({ ...given, onExit }));
  };
  t.like(await end(succeeds), { code: 0, reason: "Completed" });
  t.like(await end(fails), { code: 1, reason: "Error" });
  const trapped = await end(traps);
  t.like(trapped, { code: 134, reason: "Error" });
  t.regex(trapped.message ?? "", /unreachable/);
  t.like(await end(hoards), { code: 137, reason: "OOMKilled" });
  t.like(await end(beginsLarge), { code: 137, reason: "OOMKilled" });
  const late = await end(spinsAtStart, { startTimeoutMs: 1500 });
  t.like(late, { code: 137, reason: "Error" });
  t.regex(late.message ?? "", /did not start within/);
});

test("a process that ended counts as running until its parent knows how it ended", async (t) => {
  const { options } = await prepared(t, example("hello"));
  const given = options();
  const exited = Promise.withResolvers<void>();
  const { pid } = await startComponent({ ...given, onExit: exited.resolve });
  process.kill(pid, "SIGKILL");
  // no event of the child is handled before this turn ends
  while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"))) {}
  t.is(componentState(given.stateDir).state, "running");
  await exited.promise;
  t.like(componentState(given.stateDir), { state: "exited", exit: { code: 137, reason: "Error" } });
});

test("a process that ran out of its heap while nobody watched is told as out of memory", async (t) => {
  const { options } = await prepared(t, example("hello"));
  const { stateDir } = options();
  mkdirSync(stateDir, { recursive: true });
  writeFileSync(join(stateDir, "running.json"), JSON.stringify({ pid: 2 ** 22, startTime: "1", bootId: "of another boot", startedAt: Date.now(), listening: [] }));
  writeFileSync(join(stateDir, "host.err"), "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n");
  t.like(componentState(stateDir), { state: "exited", exit: { code: 137, reason: "OOMKilled" } });
});

test("a component that makes host objects without end takes only its own process with it", async (t) => {
  const { options } = await prepared(t, await hoardsResources());
  const given = options();
  t.like(await ended(given.stateDir, (onExit) => startComponent({ ...given, onExit })), { code: 134, reason: "Error", message: "the component trapped: the component keeps 16384 resources of one kind" });
});

test("an endless loop dies at SIGTERM, a stopped process without a record is an error", async (t) => {
  const { options } = await prepared(t, await command(spins));
  const polite = options();
  await startComponent(polite);
  await stopComponent(polite.stateDir, 5000);
  t.like(componentState(polite.stateDir), { state: "exited", exit: { code: 143, reason: "Error" } });

  const shot = options();
  const exit = await ended(shot.stateDir, async (onExit) => {
    const running = await startComponent({ ...shot, onExit });
    process.kill(running.pid, "SIGKILL");
  });
  t.like(exit, { code: 137, reason: "Error" });
});

test("nothing runs that is not what was signed", async (t) => {
  const { options, directory } = await prepared(t, example("hello"));
  const refused = async (more: Parameters<typeof options>[0]) => {
    const error = await t.throwsAsync(startComponent(options(more)));
    return error?.message ?? "";
  };
  const { module } = options();
  t.regex(await refused({ publicKeys: [keyPair().publicPem] }), /signature .* does not verify/);
  t.regex(await refused({ publicKeys: [] }), /does not verify/);
  t.regex(await refused({ module: { ...module, signature: "" } }), /does not verify/);
  t.regex(await refused({ module: { ...module, componentDigest: digestOf(Buffer.from("other")) } }), /does not verify/);
  appendFileSync(join(directory, "module"), "x");
  t.regex(await refused({}), /has digest .* expected/);
  const forged = digestOf(readFileSync(join(directory, "module")));
  t.regex(await refused({ module: { ...module, moduleDigest: forged } }), /does not verify/);
});

test("P-256 signatures are accepted as well", async (t) => {
  const { options } = await prepared(t, await command(succeeds), keyPair("p256"));
  const given = options();
  t.is((await ended(given.stateDir, (onExit) => startComponent({ ...given, onExit }))).code, 0);
});

test("an address in use is a start error that names it", async (t) => {
  const { options } = await prepared(t, example("hello"));
  const first = await startComponent(options());
  const error = await t.throwsAsync(startComponent(options({ listen: first.listening })));
  t.regex(error?.message ?? "", /EADDRINUSE/);
});

test("a request body reaches its bound and no further", async (t) => {
  const { options } = await prepared(t, example("hello"));
  const running = await startComponent(options());
  const url = `http://127.0.0.1:${running.listening[0]?.port}/`;
  const post = (bytes: number) => fetch(url, { method: "POST", body: new Uint8Array(bytes) });
  t.is((await post(1000)).status, 200);
  t.is((await post((8 << 20) + 1)).status, 413);
  t.is((await fetch(url)).status, 200);
});

test("a log that was rotated away is begun anew", async (t) => {
  const { options } = await prepared(t, example("ticker"));
  const given = options({ env: [["INTERVAL_MS", "20"]] });
  await startComponent(given);
  renameSync(given.logPath, `${given.logPath}.1`);
  while (!existsSync(given.logPath) || readFileSync(given.logPath, "utf8") === "") await setTimeout(20);
  await stopComponent(given.stateDir, 1000);
  const ticks = [...logLines(`${given.logPath}.1`), ...logLines(given.logPath)].map((line) => line.split(" tick ")[1]);
  t.deepEqual(ticks, Array.from({ length: ticks.length }, (_, index) => String(index + 1)));
});

test("a component reads and writes its volume, and not beside it", async (t) => {
  const { options, directory } = await prepared(t, await filesComponent());
  const volume = join(directory, "volume");
  mkdirSync(volume);
  writeFileSync(join(volume, "input"), "kept by the pod");
  writeFileSync(join(directory, "outside"), "not for the pod");
  const run = async (readOnly: boolean | undefined) => {
    const given = options({ grants: { preopens: readOnly === undefined ? [] : [{ hostPath: volume, guestPath: "/data", readOnly }] } });
    return (await ended(given.stateDir, (onExit) => startComponent({ ...given, onExit }))).code;
  };
  t.is(await run(undefined), 1);
  t.is(await run(true), 1);
  t.false(existsSync(join(volume, "output")));
  t.is(await run(false), 0);
  t.is(readFileSync(join(volume, "output"), "utf8"), "kept by the pod");
});

test("a board with few address bits gets a host that reserves none", async (t) => {
  const { options } = await prepared(t, example("hello"));
  const running = await startComponent(options({ addressBits: 39 }));
  t.is((await get(running)).status, 200);
  const reserved = (pid: number) => Number(/^VmSize:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 2 ** 20;
  const usual = await startComponent(options());
  t.true(reserved(running.pid) < reserved(usual.pid) - 4, `${reserved(running.pid)} and ${reserved(usual.pid)} GiB`);
});

test("the process has no environment but the pod's, and few ways to the disk", async (t) => {
  const { options } = await prepared(t, example("hello"));
  const running = await startComponent(options({ env: [["SECRET", "s"]] }));
  t.is(readFileSync(`/proc/${running.pid}/environ`, "utf8"), "");
  const flags = readFileSync(`/proc/${running.pid}/cmdline`, "utf8").split("\0");
  t.true(flags.includes("--permission"));
  t.false(flags.some((flag) => flag.includes("SECRET")));
});

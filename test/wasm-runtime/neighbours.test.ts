/** What one component could try on another in the same process: files, grants, resources, built-in objects, the glue itself. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { sharedFlags } from "../../wasm-runtime/flags.ts";
import { filesystem } from "../../wasm-runtime/host/filesystem.ts";
import { importsFor } from "../../wasm-runtime/host/imports.ts";
import { prepare } from "../../wasm-runtime/host/module.ts";
import type { Grants } from "../../wasm-runtime/host/spec.ts";
import { guestOf, suspending } from "../../wasm-runtime/host/suspending.ts";
import { waitBy } from "../../wasm-runtime/host/waiting.ts";
import { command, succeeds, transpiled, traps } from "./support/components.ts";
import { escapes, SECRET } from "./support/escapes.ts";
import type { Root } from "./support/escapes.ts";
import { temporaryDirectory } from "../support/lichen.ts";

waitBy(suspending);

const nowhere = { write: () => {} };
const imported = (grants: Grants) =>
  importsFor({ args: [], env: [], stdout: nowhere, stderr: nowhere, grants, network: () => () => {}, addresses: [], exit: () => undefined as never });
type Functions = Record<string, Record<string, (...args: readonly unknown[]) => unknown>>;
const turns = { begin: () => {}, end: () => 0n };

test("no path, link or rename leads into the volume of a neighbour", (t) => {
  const base = join(temporaryDirectory(t), "corpus");
  const { tried, found } = escapes(base, (volume) => {
    const neighbour = filesystem([{ hostPath: join(base, "outside"), guestPath: "/data", readOnly: false }]);
    const files = filesystem([{ hostPath: volume, guestPath: "/data", readOnly: false }]);
    const [theirs] = neighbour.preopens.getDirectories();
    const [ours] = files.preopens.getDirectories();
    if (theirs === undefined) throw new Error("the neighbour has its volume");
    return {
      root: ours?.[0] as unknown as Root,
      close() {
        files.close();
        neighbour.close();
      },
    };
  });
  t.deepEqual(found, []);
  t.true(tried > 1000);
});

test("what one has open is not closed, counted or held by another", (t) => {
  const base = temporaryDirectory(t);
  for (const name of ["a", "b"]) {
    mkdirSync(join(base, name));
    writeFileSync(join(base, name, "file"), SECRET);
  }
  const [a, b] = ["a", "b"].map((name) => filesystem([{ hostPath: join(base, name), guestPath: "/data", readOnly: true }]));
  const root = b?.preopens.getDirectories()[0]?.[0] as unknown as Root;
  const kept = root.openAt({}, "file", {}, { read: true });
  const full = { payload: "insufficient-memory" };
  t.like(t.throws(() => { for (;;) a?.preopens.getDirectories(); }, { any: true }), full);
  t.notThrows(() => root.openAt({}, "file", {}, { read: true }));
  a?.close();
  t.is(Buffer.from(kept.read(100n, 0n)[0]).toString(), SECRET);
  b?.close();
});

test("a grant is one component's: stores, configuration and hosts", (t) => {
  const base = temporaryDirectory(t);
  const rich = imported({ outbound: "10.0.0.1:80", stores: [{ name: "s", directory: join(base, "s"), maxBytes: 1000 }], config: { key: "value" } }).interfaces as Functions;
  const poor = imported({}).interfaces as Functions;
  t.notThrows(() => rich["wasi:keyvalue/store"]?.["open"]?.("s"));
  t.like(t.throws(() => poor["wasi:keyvalue/store"]?.["open"]?.("s"), { any: true }), { payload: { tag: "access-denied" } });
  t.is(rich["wasi:config/store"]?.["get"]?.("key"), "value");
  t.is(poor["wasi:config/store"]?.["get"]?.("key"), undefined);
  const create = (of: Functions) => of["wasi:sockets/tcp-create-socket"]?.["createTcpSocket"]?.("ipv4") as { startConnect(network: unknown, address: unknown): void };
  const to = { tag: "ipv4", val: { address: [10, 0, 0, 1], port: 80 } };
  t.notThrows(() => create(rich).startConnect({}, to));
  t.throws(() => create(poor).startConnect({}, to), { any: true });
});

test("instances of one program share nothing that a trap or an end would spoil", async (t) => {
  const trapping = prepare(await transpiled(await command(traps)), 1 << 20);
  const running = (exports: object) => (exports as { run: { run(): unknown } }).run.run();
  const [first, second] = [0, 1].map(() => guestOf(trapping, imported({}), turns));
  await t.throwsAsync(first?.enter(() => running(first.exports)) ?? Promise.resolve(), { message: "unreachable" });
  // not "cannot enter component instance"
  await t.throwsAsync(second?.enter(() => running(second.exports)) ?? Promise.resolve(), { message: "unreachable" });
  t.not(first?.exports, second?.exports);
  const fine = prepare(await transpiled(await command(succeeds)), 1 << 20);
  const [left, right] = [0, 1].map(() => guestOf(fine, imported({}), turns));
  left?.abandon();
  await t.throwsAsync(left?.enter(() => running(left.exports)) ?? Promise.resolve(), { message: "the component has ended" });
  t.is(await right?.enter(() => running(right.exports)), 0);
});

test("nobody changes the built-in objects of a shared process", (t) => {
  const flags = sharedFlags({ directory: "/", entry: "" }, { directory: "/", logs: "/*", stores: "/", files: true, maxMemoryBytes: 256 << 20 });
  const attempts = [
    "Object.prototype.polluted = 1", "Array.prototype.push = () => {}", "Function.prototype.call = () => {}", "Map.prototype.get = () => {}", "Set.prototype.has = () => true",
    "Promise.prototype.then = () => {}", "String.prototype.startsWith = () => true", "RegExp.prototype.exec = () => ({})", "RegExp.prototype.test = () => true", "JSON.parse = () => {}",
    "Object.freeze = (x) => x", "Uint8Array.prototype.subarray = () => {}", "Object.getPrototypeOf(Uint8Array.prototype).slice = () => {}", "ArrayBuffer.prototype.slice = () => {}",
    "DataView.prototype.setUint32 = () => {}", "WebAssembly.Memory.prototype.grow = () => {}", "Symbol.prototype.x = 1", "Error.prototype.x = 1", "BigInt.asUintN = () => 0n",
    "Reflect.get = () => {}", "Object.getPrototypeOf(function* () {}.prototype).next = () => {}", "Array.prototype[Symbol.iterator] = () => {}", "Math.min = () => 0", "Atomics.wait = () => {}", "globalThis.Map = class {}", "globalThis.WebAssembly = {}", "delete globalThis.Uint8Array", "Buffer.from = () => {}", "Buffer.prototype.slice = () => {}", "WebAssembly.Instance = class {}", "console.log = () => {}",
    "({}).__proto__.polluted = 1", "Object.defineProperty(Object.prototype, 'polluted', { value: 1 })", "Object.setPrototypeOf(Object.prototype, {})", "Object.assign(Array.prototype, { polluted: 1 })",
  ];
  const script = `"use strict"; const passed = []; require(${JSON.stringify(fileURLToPath(new URL("../../wasm-runtime/host/freeze.ts", import.meta.url)))}).freezeGlobals();
    for (const attempt of ${JSON.stringify(attempts)}) try { new (require("node:vm").Script)('"use strict";' + attempt).runInThisContext(); passed.push(attempt); } catch {}
    console.log(JSON.stringify({ passed, polluted: ({}).polluted, length: [].polluted }));`;
  const path = join(temporaryDirectory(t), "attempts.cjs");
  writeFileSync(path, script);
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, path], { env: {}, encoding: "utf8" });
  t.deepEqual(JSON.parse(stdout || "{}"), { passed: [] }, stderr);
});

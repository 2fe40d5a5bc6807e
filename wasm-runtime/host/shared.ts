/**
 * The process of many components, of one namespace on one device. The agent, or the next one, talks to it over a socket in its
 * directory: one connection per order. It ends when it has had nothing to do for a while.
 *
 *   {op: "start", id, module, spec} → "module" when its bytes are wanted, "running" when it runs, closed when it has ended
 *   {op: "stop", id, graceMs}                      → closed when it has ended
 *   {op: "usage"}                                  → one line of JSON
 */
import { writeSync } from "node:fs";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { join } from "node:path";
import { BUNDLE_ENTRY, unpackBundle } from "../bundle.ts";
import { isSimplified } from "../simplify-glue.ts";
import { notStarted } from "./end.ts";
import { collectAfter } from "./collect.ts";
import { freezeGlobals } from "./freeze.ts";
import { hosted } from "./instance.ts";
import type { Hosted } from "./instance.ts";
import { prepare } from "./module.ts";
import type { Program } from "./module.ts";
import { identity, writeAtomically, writeExit } from "./records.ts";
import { CONTROL_SOCKET, PROCESS_FILE, SPEC_FD } from "./spec.ts";
import type { SharedOrder } from "./spec.ts";
import { suspending } from "./suspending.ts";
import { waitBy } from "./waiting.ts";

/** Orders hold a pod's environment and grants. */
const MAX_ORDER_BYTES = 4 << 20;
/** The next pod often comes soon after the last one. */
const LINGER_MS = 10_000;

const directory = process.argv[2] ?? "";
const components = new Map<string, { readonly it: Hosted; readonly watchers: Set<Socket> }>();
/** compiled code by module and memory limit, with those who use it */
const programs = new Map<string, { readonly program: () => Program; readonly users: Set<string> }>();
let lingering: NodeJS.Timeout | undefined;

waitBy(suspending);
freezeGlobals();
const server = createServer({ allowHalfOpen: true }, receive);
server.listen(join(directory, CONTROL_SOCKET), () => {
  writeAtomically(join(directory, PROCESS_FILE), identity());
  linger();
  writeSync(SPEC_FD, "running\n");
});

function linger(): void {
  clearTimeout(lingering);
  lingering = setTimeout(() => {
    if (components.size > 0) return;
    // whoever is refused from here on starts another process
    server.close(() => process.exit(0));
  }, LINGER_MS);
}

/** An order is a line of JSON; the bytes of a module come when they are asked for. */
function receive(socket: Socket): void {
  const parts: Buffer[] = [];
  let size = 0;
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    parts.push(chunk);
    size += chunk.length;
    if (!chunk.includes("\n")) return size > MAX_ORDER_BYTES ? void socket.destroy() : undefined;
    socket.removeAllListeners("data");
    socket.resume();
    carryOut(JSON.parse(Buffer.concat(parts).toString("utf8")) as SharedOrder, socket);
  });
}

function carryOut(order: SharedOrder, socket: Socket): void {
  switch (order.op) {
    case "start":
      if (programs.has(keyOf(order))) return start(order, socket);
      return takeModule(order, socket);
    case "stop": {
      const found = components.get(order.id);
      if (found === undefined) return void socket.end();
      found.watchers.add(socket);
      return found.it.stop(order.graceMs);
    }
    case "usage":
      socket.end(`${JSON.stringify(Object.fromEntries([...components].map(([id, { it }]) => [id, it.usage()])))}\n`);
  }
}

type StartOrder = Extract<SharedOrder, { readonly op: "start" }>;

const keyOf = ({ module, spec }: StartOrder) => `${module} ${spec.memoryLimitBytes}`;

function takeModule(order: StartOrder, socket: Socket): void {
  let bytes: Buffer | undefined = Buffer.allocUnsafeSlow(order.spec.moduleBytes);
  let size = 0;
  socket.on("data", (chunk: Buffer) => {
    if (bytes === undefined) return;
    size += chunk.copy(bytes, size);
    if (size < bytes.length) return;
    start(order, socket, bytes);
    bytes = undefined;
  });
  socket.write("module\n");
}

/** @param bytes unless an equal one is here already */
function start(order: StartOrder, socket: Socket, bytes?: Uint8Array): void {
  clearTimeout(lingering);
  const { id, spec } = order;
  const watchers = new Set([socket]);
  const key = keyOf(order);
  const made = programs.get(key) ?? { program: once(() => compiled(bytes ?? new Uint8Array(), spec.memoryLimitBytes)), users: new Set<string>() };
  programs.set(key, made);
  made.users.add(id);
  const ended = () => {
    components.delete(id);
    const used = programs.get(key);
    used?.users.delete(id);
    if (used?.users.size === 0) programs.delete(key);
    for (const watcher of watchers) watcher.end();
    if (components.size === 0) linger();
  };
  try {
    components.set(id, { it: hosted({ id, spec, directory, program: made.program, running: () => void socket.write("running\n"), ended }), watchers });
  } catch (error) {
    // a log or a volume that cannot be opened
    writeExit(spec.stateDir, notStarted(error), Date.now());
    ended();
  }
}

/** @throws Error when it cannot be called anew */
function compiled(bytes: Uint8Array, memoryLimitBytes: number): Program {
  const bundle = unpackBundle(bytes);
  if (!isSimplified(Buffer.from(bundle.files.get(BUNDLE_ENTRY) ?? []).toString())) throw new Error("an asynchronous component does not share a process: remove the pod's annotation wasi.lichen.dev/process");
  const program = prepare(bundle, memoryLimitBytes);
  collectAfter(bytes.length);
  return program;
}

/** The first call makes it, and the bytes are free after it. */
function once(make: () => Program): () => Program {
  let pending: (() => Program) | undefined = make;
  let made: Program | undefined;
  return () => {
    made ??= pending?.();
    pending = undefined;
    if (made === undefined) throw new Error("the module could not be compiled before");
    return made;
  };
}

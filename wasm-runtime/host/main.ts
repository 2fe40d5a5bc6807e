/**
 * The process of one component. It reads its orders and the verified module from the pipe, says that it runs, and runs; its
 * log and its end are written by itself, so that they are right whether or not an agent is alive. Steps:
 *
 *   orders → link → run (command) | listen (service) → exit record
 */
import { readFileSync, readSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { LimitError, PAGE_BYTES } from "../limits.ts";
import { importsFor } from "./imports.ts";
import type { Imports } from "./imports.ts";
import { openLog, rawOutput } from "./log.ts";
import type { Log } from "./log.ts";
import { unpackBundle } from "../bundle.ts";
import { prepare } from "./module.ts";
import { networkThread } from "./net.ts";
import type { Exports, Program } from "./module.ts";
import { DEFAULT_REQUEST_TIMEOUT_MS, EXIT_FILE, NETWORK_SCRIPT, RUNNING_FILE, SPEC_FD } from "./spec.ts";
import type { ExitRecord, HostSpec, RunningRecord } from "./spec.ts";

/** 128 + SIGKILL, as the kernel's OOM killer makes container runtimes report it */
const OOM_CODE = 137;
/** A guest that failed with this part of its memory limit in use is taken to have run out of it. */
const OOM_FRACTION = 0.75;
const MAX_MESSAGE = 1024;
/** as shells say it */
const NOT_FOUND_CODE = 127;
const READ_BYTES = 64 << 10;
const NEWLINE = 10;
const RUN = "wasi:cli/run";
const HANDLER = "wasi:http/incoming-handler";

const { spec, module } = readOrders();
const startedAt = Date.now();
const log = spec.logPath === undefined ? rawOutput() : openLog(spec.logPath);
const ended = endWith(spec, log);

try {
  const bundle = unpackBundle(module);
  const program = prepare(bundle, spec.memoryLimitBytes);
  const called = spec.call?.[0];
  const asFunction = called !== undefined && bundle.header.exports.includes(called);
  const imports = importsFor({
    args: called === undefined || asFunction ? spec.args : (spec.call ?? []),
    ...(spec.stdin === undefined ? {} : { stdin: spec.stdin }),
    env: spec.env,
    stdout: log.sink("stdout"),
    stderr: log.sink("stderr"),
    grants: spec.grants,
    network: networkThread(join(dirname(process.argv[1] ?? ""), NETWORK_SCRIPT)),
    addresses: spec.addresses,
    ...(spec.agentLine === true ? { agentDir: spec.stateDir } : {}),
    exit: (code) => ended({ code, reason: code === 0 ? "Completed" : "Error" }),
  });
  if (asFunction) callFunction(program, imports, called);
  else if (called !== undefined && spec.world !== "command") {
    const functions = bundle.header.exports.filter((name) => !name.includes("/"));
    ended({ code: NOT_FOUND_CODE, reason: "Error", message: `the component exports no function "${called}" that could be called; it exports ${functions.join(", ") || "none"}` });
  } else if (spec.world === "command") runCommand(program, imports);
  else await runService(program, imports);
} catch (error) {
  ended(failure(error));
}

function runCommand(program: Program, imports: Imports): void {
  const run = find(instantiate(program, imports), RUN)["run"];
  announce([]);
  let code = 0;
  try {
    run?.();
  } catch (error) {
    // an error that is a value is the guest's `err`; anything else is a trap
    if (error instanceof Error && !("payload" in error)) return ended(trap(error, program));
    code = 1;
  }
  ended({ code, reason: code === 0 ? "Completed" : "Error" });
}

/** An exported function without parameters, as a probe calls it: `false` and an error are failures, a value is printed. */
function callFunction(program: Program, imports: Imports, name: string): void {
  const exports = instantiate(program, imports) as unknown as Readonly<Record<string, () => unknown>>;
  announce([]);
  let value: unknown;
  try {
    value = exports[name.replaceAll(/-([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase())]?.();
  } catch (error) {
    if (error instanceof Error && !("payload" in error)) return ended(trap(error, program));
    const payload = (error as { payload?: unknown }).payload;
    return ended({ code: 1, reason: "Error", ...(payload === undefined ? {} : { message: String(payload) }) });
  }
  if (["string", "number", "bigint"].includes(typeof value)) log.sink("stdout").write(Buffer.from(`${String(value)}\n`));
  ended({ code: value === false ? 1 : 0, reason: value === false ? "Error" : "Completed" });
}

async function runService(program: Program, imports: Imports): Promise<void> {
  const { serverFor } = await import("./serve.ts");
  const create = () => find(instantiate(program, imports), HANDLER)["handle"];
  // the first one now: a component that cannot be instantiated must not look as if it served
  let handle: ReturnType<typeof create> | undefined = create();
  const drop = () => {
    handle = undefined;
    imports.reset();
  };
  const failed = (error: unknown) => {
    const end = trap(error, program);
    log.sink("stderr").write(Buffer.from(`${end.message ?? "the component failed"}\n`));
    if (end.reason === "OOMKilled") ended(end);
    drop();
  };
  const handler = (...args: readonly unknown[]) => {
    handle ??= create();
    handle?.(...args);
    if (spec.instance === "fresh") drop();
  };
  const servers = await Promise.all(
    spec.listen.map(async ({ host, port }) => {
      const server = serverFor({ handle: handler, failed, timeoutMs: spec.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS });
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port, backlog: 511 }, resolve);
      });
      return server;
    }),
  );
  let open = servers.length;
  process.on("SIGTERM", () => {
    for (const server of servers) {
      server.close(() => {
        if (--open === 0) ended({ code: 0, reason: "Completed" });
      });
      server.closeIdleConnections();
    }
  });
  announce(
    servers.map((server) => {
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("the server has no address");
      return { host: address.address, port: address.port };
    }),
  );
}

function instantiate(program: Program, imports: Imports): Exports {
  try {
    return program.instantiate(imports.interfaces);
  } catch (error) {
    return ended(trap(error, program));
  }
}

function find(exports: Exports, name: string): Exports[string] {
  const key = Object.keys(exports).find((given) => given.startsWith(`${name}@`));
  const found = key === undefined ? undefined : exports[key];
  if (found === undefined) throw new Error(`the component does not export ${name}`);
  return found;
}

type End = Pick<ExitRecord, "code" | "reason" | "message">;

function trap(error: unknown, program: Program): End {
  const text = textOf(error);
  const used = program.memoryBytes();
  if (used >= spec.memoryLimitBytes * OOM_FRACTION - PAGE_BYTES) {
    return { code: OOM_CODE, reason: "OOMKilled", message: `the component failed with ${used} of ${spec.memoryLimitBytes} bytes of memory in use: ${text}` };
  }
  return { code: 134, reason: "Error", message: `the component trapped: ${text}` };
}

function failure(error: unknown): End {
  if (error instanceof LimitError) return { code: OOM_CODE, reason: "OOMKilled", message: error.message };
  return { code: 128, reason: "StartError", message: `the component could not be started: ${textOf(error)}` };
}

function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE);
}

/** The last thing that happens: log closed, end recorded, process gone. */
function endWith(of: HostSpec, output: Log): (end: End) => never {
  return (end) => {
    try {
      if (end.reason !== "Completed" && end.message !== undefined) output.sink("stderr").write(Buffer.from(`${end.message}\n`));
      output.close();
      const record: ExitRecord = { ...end, startedAt, finishedAt: Date.now() };
      writeAtomically(join(of.stateDir, EXIT_FILE), record);
    } catch {
      // a full disk: the agent has the code at least
    }
    process.exit(end.code);
  };
}

function announce(listening: RunningRecord["listening"]): void {
  const record: RunningRecord = { ...identity(), startedAt, listening };
  writeAtomically(join(spec.stateDir, RUNNING_FILE), record);
  try {
    writeSync(SPEC_FD, "running\n");
  } catch {
    // the agent is gone; the next one finds the record
  }
}

function identity(): Pick<RunningRecord, "pid" | "startTime" | "bootId"> {
  const stat = readFileSync("/proc/self/stat", "latin1");
  return {
    pid: process.pid,
    startTime: stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "",
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim(),
  };
}

function writeAtomically(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** One line of JSON, then the module. The pipe stays open: it is also how the agent learns that this process runs. */
function readOrders(): { readonly spec: HostSpec; readonly module: Uint8Array } {
  const parts: Buffer[] = [];
  const rest = { bytes: Buffer.alloc(0) };
  for (;;) {
    const part = Buffer.allocUnsafe(READ_BYTES);
    const count = readSync(SPEC_FD, part);
    if (count === 0) throw new Error("the orders ended early");
    const end = part.subarray(0, count).indexOf(NEWLINE);
    parts.push(part.subarray(0, end < 0 ? count : end));
    if (end < 0) continue;
    rest.bytes = part.subarray(end + 1, count);
    break;
  }
  const orders = JSON.parse(Buffer.concat(parts).toString("utf8")) as HostSpec;
  const bytes = Buffer.allocUnsafeSlow(orders.moduleBytes);
  let at = rest.bytes.copy(bytes);
  while (at < bytes.length) {
    const count = readSync(SPEC_FD, bytes, { offset: at });
    if (count === 0) throw new Error("the module ended early");
    at += count;
  }
  return { spec: orders, module: bytes };
}

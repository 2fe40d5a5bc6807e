/**
 * The process of one component. It reads its orders and the verified module from the pipe, says that it runs, and runs; its
 * log and its end are written by itself, so that they are right whether or not an agent is alive. Steps:
 *
 *   orders → link → run (command) | listen (service) → exit record
 */
import { readSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { collectAfter } from "./collect.ts";
import { finished, isTrap, notStarted, trapped } from "./end.ts";
import type { End } from "./end.ts";
import { importsFor } from "./imports.ts";
import type { Imports } from "./imports.ts";
import { openLog, rawOutput } from "./log.ts";
import type { Log } from "./log.ts";
import { isAsynchronous, unpackBundle } from "../bundle.ts";
import type { BundleHeader } from "../bundle.ts";
import { exportOf, InstantiateError, prepare } from "./module.ts";
import { networkThread } from "./net.ts";
import type { Instance, Program } from "./module.ts";
import { writeExit, writeRunning } from "./records.ts";
import { DEFAULT_REQUEST_TIMEOUT_MS, NETWORK_SCRIPT, SPEC_FD } from "./spec.ts";
import type { HostSpec, RunningRecord } from "./spec.ts";
import { inTurns } from "./turns.ts";

/** as shells say it */
const NOT_FOUND_CODE = 127;
const READ_BYTES = 64 << 10;
const NEWLINE = 10;
const RUN = "wasi:cli/run";
const HANDLER = "wasi:http/incoming-handler";

const orders = readOrders();
const { spec } = orders;
const startedAt = Date.now();
const log = spec.logPath === undefined ? rawOutput() : openLog(spec.logPath);
const ended = endWith(spec, log);

try {
  const { program, header } = programOf();
  collectAfter(spec.moduleBytes);
  const called = spec.call?.[0];
  const asFunction = called !== undefined && header.exports.includes(called);
  const more = isAsynchronous(header) ? (await import("./async-imports.ts")).asyncImports : undefined;
  const imports = importsFor({
    args: called === undefined || asFunction ? spec.args : (spec.call ?? []),
    ...(spec.stdin === undefined ? {} : { stdin: spec.stdin }),
    env: spec.env,
    stdout: log.sink("stdout"),
    stderr: log.sink("stderr"),
    grants: spec.grants,
    network: networkThread(join(dirname(process.argv[1] ?? ""), NETWORK_SCRIPT), spec.place),
    addresses: spec.addresses,
    ...(spec.agentLine === true ? { agentDir: spec.stateDir } : {}),
    exit: (code) => ended(finished(code)),
  }, more);
  linkLibraries(imports);
  if (asFunction) await callFunction(program, imports, called);
  else if (called !== undefined && spec.world !== "command") {
    const functions = header.exports.filter((name) => !name.includes("/"));
    ended({ code: NOT_FOUND_CODE, reason: "Error", message: `the component exports no function "${called}" that could be called; it exports ${functions.join(", ") || "none"}` });
  } else if (spec.world === "command") await runCommand(program, imports);
  else await runService(program, imports);
} catch (error) {
  ended(notStarted(error));
}

/** After it nobody holds the bytes any more. */
function programOf(): { readonly program: Program; readonly header: BundleHeader } {
  const bundle = unpackBundle(orders.module);
  orders.module = new Uint8Array();
  return { program: prepare(bundle, spec.memoryLimitBytes), header: bundle.header };
}

async function runCommand(program: Program, imports: Imports): Promise<void> {
  const instance = instantiate(program, imports);
  const run = exportOf(await instance.exports, RUN)["run"];
  announce([]);
  let code = 0;
  try {
    await settled(run?.());
    await imports.drained();
  } catch (error) {
    if (isTrap(error)) return ended(trap(error, instance));
    code = 1;
  }
  ended(finished(code));
}

/** An exported function without parameters, as a probe calls it: `false` and an error are failures, a value is printed. */
async function callFunction(program: Program, imports: Imports, name: string): Promise<void> {
  const instance = instantiate(program, imports);
  const exports = (await instance.exports) as unknown as Readonly<Record<string, () => unknown>>;
  announce([]);
  let value: unknown;
  try {
    value = await settled(exports[name.replaceAll(/-([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase())]?.());
  } catch (error) {
    if (isTrap(error)) return ended(trap(error, instance));
    const payload = (error as { payload?: unknown }).payload;
    return ended({ code: 1, reason: "Error", ...(payload === undefined ? {} : { message: String(payload) }) });
  }
  if (["string", "number", "bigint"].includes(typeof value)) log.sink("stdout").write(Buffer.from(`${String(value)}\n`));
  ended({ code: value === false ? 1 : 0, reason: value === false ? "Error" : "Completed" });
}

async function runService(program: Program, imports: Imports): Promise<void> {
  const { serverFor } = await import("./serve.ts");
  const create = () => {
    const instance = instantiate(program, imports);
    return { instance, handle: exportOf(instance.exports, HANDLER)["handle"] };
  };
  // the first one now: a component that cannot be instantiated must not look as if it served
  let current: ReturnType<typeof create> | undefined = create();
  const drop = () => {
    current = undefined;
    imports.reset();
  };
  const failed = (error: unknown) => {
    const end = trap(error, current?.instance);
    log.sink("stderr").write(Buffer.from(`${end.message ?? "the component failed"}\n`));
    if (end.reason === "OOMKilled") ended(end);
    drop();
  };
  const handler = (...args: readonly unknown[]) => {
    current ??= create();
    current.handle?.(...args);
    if (spec.instance === "fresh") drop();
  };
  const take = inTurns({ handle: handler, failed, timeoutMs: spec.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS });
  if (spec.handed === true) {
    const { serveHanded } = await import("./handed.ts");
    serveHanded(serverFor(take), spec.idleMs ?? 0, () => ended(finished(0)));
    return announce([]);
  }
  const servers = await Promise.all(
    spec.listen.map(async ({ host, port }) => {
      const server = serverFor(take);
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

/** Nothing is left that could make an asynchronous function go on. */
function stuck(): never {
  return ended({ code: 1, reason: "Error", message: "the component waits for something that cannot come" });
}

/** An asynchronous function's end; `err` of one is thrown like that of a synchronous one. */
async function settled(returned: unknown): Promise<unknown> {
  process.once("beforeExit", stuck);
  const value = await returned;
  process.removeListener("beforeExit", stuck);
  return value;
}

/** What a library exports is what those after it import. */
function linkLibraries({ interfaces }: Imports): void {
  for (const { bytes, memoryLimitBytes } of orders.libraries) {
    const { exports } = prepare(unpackBundle(bytes), memoryLimitBytes).instantiate(interfaces);
    for (const [name, value] of Object.entries(exports)) {
      const at = name.lastIndexOf("@");
      if (name.includes("/")) Object.assign(interfaces, { [at < 0 ? name : name.slice(0, at)]: value });
    }
  }
  // nobody holds the bytes any more
  orders.libraries = [];
}

function instantiate(program: Program, imports: Imports): Instance {
  try {
    return program.instantiate(imports.interfaces);
  } catch (error) {
    return ended(trapped(error, error instanceof InstantiateError ? error.memoryBytes : 0, spec.memoryLimitBytes));
  }
}

function trap(error: unknown, instance: Instance | undefined): End {
  return trapped(error, instance?.memoryBytes() ?? 0, spec.memoryLimitBytes);
}

/** The last thing that happens: log closed, end recorded, process gone. */
function endWith(of: HostSpec, output: Log): (end: End) => never {
  return (end) => {
    try {
      if (end.reason !== "Completed" && end.message !== undefined) output.sink("stderr").write(Buffer.from(`${end.message}\n`));
      output.close();
      writeExit(of.stateDir, end, startedAt);
    } catch {
      // a full disk: the agent has the code at least
    }
    process.exit(end.code);
  };
}

function announce(listening: RunningRecord["listening"]): void {
  writeRunning(spec.stateDir, { startedAt, listening });
  try {
    writeSync(SPEC_FD, "running\n");
  } catch {
    // the agent is gone; the next one finds the record
  }
}

interface Orders {
  readonly spec: HostSpec;
  module: Uint8Array;
  libraries: readonly { readonly bytes: Uint8Array; readonly memoryLimitBytes: number }[];
}

/** One line of JSON, then the modules. The pipe stays open: it is also how the agent learns that this process runs. */
function readOrders(): Orders {
  const parts: Buffer[] = [];
  let rest = Buffer.alloc(0);
  for (;;) {
    const part = Buffer.allocUnsafe(READ_BYTES);
    const count = readSync(SPEC_FD, part);
    if (count === 0) throw new Error("the orders ended early");
    const end = part.subarray(0, count).indexOf(NEWLINE);
    parts.push(part.subarray(0, end < 0 ? count : end));
    if (end < 0) continue;
    rest = part.subarray(end + 1, count);
    break;
  }
  const take = (length: number): Uint8Array => {
    const bytes = Buffer.allocUnsafeSlow(length);
    let at = rest.copy(bytes);
    rest = rest.subarray(at);
    while (at < bytes.length) {
      const count = readSync(SPEC_FD, bytes, { offset: at });
      if (count === 0) throw new Error("the module ended early");
      at += count;
    }
    return bytes;
  };
  const received = JSON.parse(Buffer.concat(parts).toString("utf8")) as HostSpec;
  const main = take(received.moduleBytes);
  return { spec: received, module: main, libraries: (received.linked ?? []).map(({ moduleBytes, memoryLimitBytes }) => ({ bytes: take(moduleBytes), memoryLimitBytes })) };
}

/**
 * Component pods on this machine (budgets P12, P13), without a server: what a start, a request and a pod cost.
 *   starts     module present → serving, in a process of its own and in a shared one; a component of 14 MB as well
 *   requests   wasi:http hello, beside plain node:http, that in a container, and preview2-shim's server: same load, same run
 *   memory     private memory of 1, 10 and 100 pods, in processes of their own and in a shared one
 *
 *   node bench/wasm.ts [starts] [requests] [memory] [seconds=4] [rounds=5] [starts=30] [pods=100]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { unpackBundle } from "../wasm-runtime/bundle.ts";
import { startComponent, stopComponent } from "../wasm-runtime/process.ts";
import type { RunningRecord } from "../wasm-runtime/process.ts";
import { startShared } from "../wasm-runtime/shared-process.ts";
import type { StartOptions } from "../wasm-runtime/start-options.ts";
import { componentBench } from "./support/component-bench.ts";
import type { ComponentBench } from "./support/component-bench.ts";
import { largeComponent } from "./support/large-component.ts";
import { runNodeContainer } from "./support/node-container.ts";
import { line, median, numberArgument, printLoad, quantile, selected } from "./support/print.ts";
import { cpuSeconds } from "./support/process-cost.ts";
import { temporaryDirectory } from "./support/server-process.ts";

const SECONDS = numberArgument("seconds", 4);
const ROUNDS = numberArgument("rounds", 5);
const STARTS = numberArgument("starts", 30);
const PODS = numberArgument("pods", 100);
const CONNECTIONS = 8;
const SETTLE_MS = 1_000;
const HELLO = "hello from bench\n";
const hello = () => readFileSync(new URL("../examples/components/hello/hello.wasm", import.meta.url));
const PLAIN = `const server = require("node:http").createServer((request, response) => response.writeHead(200, { "content-type": "text/plain", "content-length": ${HELLO.length} }).end(${JSON.stringify(HELLO)})).listen(0, "127.0.0.1", () => (process.send ? process.send(server.address().port) : console.log(server.address().port)));`;
const [mode, ...rest] = process.argv.slice(2);

if (mode === "plain-child") new Function("require", PLAIN)(process.getBuiltinModule("node:module").createRequire(import.meta.url));
else if (mode === "shim-child") await serveShim(rest[0] ?? "", Number(rest[1]));
else await bench();

async function bench(): Promise<void> {
  printLoad("at start");
  using directory = temporaryDirectory();
  const small = await componentBench(join(directory.path, "small"), hello());
  if (selected("starts")) {
    await starts("hello", small);
    await starts("large", await componentBench(join(directory.path, "large"), await largeComponent()));
  }
  if (selected("requests")) await requests(small, directory.path);
  if (selected("memory")) {
    for (const pods of [1, 10, PODS]) await memory("hello", small, pods);
    const large = await componentBench(join(directory.path, "large-memory"), await largeComponent());
    for (const pods of [1, 10]) await memory("large", large, pods);
  }
  printLoad("at end");
}

function starters(of: ComponentBench) {
  return [
    { process: "own", start: startComponent },
    { process: "shared", start: (options: StartOptions) => startShared(of.group, options) },
  ] as const;
}

async function starts(name: string, of: ComponentBench): Promise<void> {
  for (const { process: kind, start } of starters(of)) {
    const times: number[] = [];
    // a shared process is there already, as on a device that has such pods
    const first = of.options(kind);
    await start(first);
    for (let at = 0; at < STARTS; at++) {
      const given = of.options(kind);
      const began = performance.now();
      await start(given);
      times.push(performance.now() - began);
      await stopComponent(given.stateDir, 0);
    }
    await stopComponent(first.stateDir, 0);
    line(`wasm/start-${name}-${kind}-p50`, median(times), "ms", "containerd alone 183-233");
    line(`wasm/start-${name}-${kind}-p99`, quantile(times, 0.99), "ms", "containerd alone 183-233");
  }
}

interface Server {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
}

async function requests(of: ComponentBench, directory: string): Promise<void> {
  const stops: (() => unknown)[] = [];
  const servers: Server[] = [];
  const child = async (name: string, ...args: string[]) => {
    const forked = fork(fileURLToPath(import.meta.url), args);
    const [port] = (await once(forked, "message")) as [number];
    stops.push(() => forked.kill("SIGKILL"));
    servers.push({ name, port, pid: forked.pid ?? 0 });
  };
  const component = async (name: string, kind: "own" | "shared", more: Partial<StartOptions>) => {
    const given = { ...of.options(kind), ...more };
    const running = await (kind === "own" ? startComponent(given) : startShared(of.group, given));
    stops.push(() => stopComponent(given.stateDir, 0));
    servers.push({ name, port: running.listening[0]?.port ?? 0, pid: running.pid });
  };
  try {
    await child("node-http", "plain-child");
    await component("lichen", "own", {});
    await component("lichen-shared", "shared", {});
    await component("lichen-fresh", "own", { instance: "fresh" });
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port } = free.address() as AddressInfo;
    free.close();
    await child("preview2-shim", "shim-child", of.module, String(port));
    if (process.getuid?.() === 0 && existsSync("/usr/sbin/runc")) {
      const bundle = join(directory, "container");
      mkdirSync(bundle);
      const container = await runNodeContainer(bundle, PLAIN);
      stops.push(container.stop);
      servers.push({ name: "container", port: Number(container.said), pid: container.pid });
    }
    const rates = new Map<string, number[]>(servers.map(({ name }) => [name, []]));
    const costs = new Map<string, number[]>(servers.map(({ name }) => [name, []]));
    for (const { port: warm } of servers) await load(warm, 1);
    for (let round = 0; round < ROUNDS; round++) {
      for (const { name, port: at, pid } of servers) {
        const before = cpuSeconds([pid]);
        const rate = await load(at, SECONDS);
        rates.get(name)?.push(rate);
        costs.get(name)?.push((1e6 * (cpuSeconds([pid]) - before)) / (rate * SECONDS));
      }
    }
    const plain = median(rates.get("node-http") ?? []);
    for (const { name } of servers) {
      const rate = median(rates.get(name) ?? []);
      line(`wasm/requests-${name}`, rate, "requests/s", `${(rate / plain).toFixed(2)} of node:http; ${median(costs.get(name) ?? []).toFixed(0)} us of processor time each; budget 0.5`);
    }
  } finally {
    for (const stop of stops) await stop();
  }
}

/** The same module, glue and all, on the shim's imports and server. */
async function serveShim(path: string, port: number): Promise<void> {
  const { HTTPServer } = (await import("@bytecodealliance/preview2-shim/http")) as unknown as { HTTPServer: new (handler: object) => { listen(port: number): void } };
  const { WASIShim } = await import("@bytecodealliance/preview2-shim/instantiation");
  const { files } = unpackBundle(readFileSync(path));
  const body = Buffer.from(files.get("component.js") ?? []).toString("utf8").replaceAll(/^export /gm, "");
  const instantiate = new Function(`"use strict"; ${body}\nreturn instantiate;`)() as (load: (name: string) => object, imports: object, create: (module: never, imports: never) => object) => Record<string, object>;
  const shim = new WASIShim({ sandbox: { preopens: {}, env: { HOSTNAME: "bench" }, args: [] } });
  const exports = instantiate((name) => new WebAssembly.Module(new Uint8Array(files.get(name) ?? [])), shim.getImportObject(), (module, imports) => new WebAssembly.Instance(module, imports));
  const handler = Object.entries(exports).find(([name]) => name.startsWith("wasi:http/incoming-handler"))?.[1];
  if (handler === undefined) throw new Error("no handler");
  new HTTPServer(handler).listen(port);
  process.send?.(port);
}

/** Requests per second over keep-alive connections, each with one request on its way. */
async function load(port: number, seconds: number): Promise<number> {
  const request = Buffer.from("GET / HTTP/1.1\r\nhost: bench\r\n\r\n");
  const until = performance.now() + seconds * 1000;
  let answers = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = connect(port, "127.0.0.1");
      let text = "";
      socket.setNoDelay(true).write(request);
      socket.on("data", (chunk: Buffer) => {
        text += chunk.toString("latin1");
        // all servers answer with the same body, in one piece or chunked
        if (!text.endsWith(HELLO) && !text.endsWith("0\r\n\r\n")) return;
        text = "";
        answers++;
        if (performance.now() < until) socket.write(request);
        else socket.end();
      });
      await once(socket, "close");
    }),
  );
  return answers / seconds;
}

async function memory(name: string, of: ComponentBench, pods: number): Promise<void> {
  for (const { process: kind, start } of starters(of)) {
    const all: { readonly given: StartOptions; readonly running: RunningRecord }[] = [];
    let first = 0;
    for (let at = 0; at < pods; at++) {
      const given = of.options(kind);
      all.push({ given, running: await start(given) });
      if (at === 0) first = privateMb(all[0]?.running.pid ?? 0);
    }
    // what a start leaves is given back right after it
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const total = [...new Set(all.map(({ running }) => running.pid))].reduce((sum, pid) => sum + privateMb(pid), 0);
    line(`wasm/memory-${name}-${kind}-${pods}`, total, "MB private", kind === "own" ? `${(total / pods).toFixed(1)} each; budget 14 each` : `${pods === 1 ? "the first" : `${((total - first) / (pods - 1)).toFixed(2)} for each beyond the first`}; budget 1 each`);
    await Promise.all(all.map(({ given }) => stopComponent(given.stateDir, 0)));
  }
}

/** Private_Clean + Private_Dirty of /proc/<pid>/smaps_rollup: what the machine gets back when the process ends. */
function privateMb(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return [...text.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB/gm)].reduce((sum, [, value]) => sum + Number(value), 0) / 1024;
}

/**
 * `node bench/wasm.ts [SECONDS [PODS…]]`: component pods on this machine.
 *   starts     module present → serving: one after another, each once more than the last is gone
 *   requests   wasi:http hello against plain node:http and preview2-shim's server, same load, same run
 *   memory     private bytes per host process, for each number of PODS (1 10 unless given)
 */
import { createHash, generateKeyPairSync } from "node:crypto";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { prepareHost } from "../wasm-runtime/host-image.ts";
import { startComponent, stopComponent } from "../wasm-runtime/process.ts";
import type { RunningRecord, StartOptions } from "../wasm-runtime/process.ts";
import { unpackBundle } from "../wasm-runtime/bundle.ts";
import { moduleSigner, transpile } from "../wasm-runtime/transpile.ts";

const CONNECTIONS = 8;
const STARTS = 30;
const HELLO = "hello from bench\n";
const [mode, ...rest] = process.argv.slice(2);

if (mode === "plain") await servePlain();
else if (mode === "shim") await serveShim(rest[0] ?? "", Number(rest[1]));
else await bench(Number(mode ?? 4), rest.length > 0 ? rest.map(Number) : [1, 10]);

async function servePlain(): Promise<void> {
  const server = createServer((_request, response) => response.writeHead(200, { "content-type": "text/plain", "content-length": HELLO.length }).end(HELLO)).listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send?.((server.address() as AddressInfo).port);
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

async function bench(seconds: number, pods: readonly number[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "bench-wasm-"));
  try {
    const component = readFileSync(new URL("../examples/components/hello/hello.wasm", import.meta.url));
    const { bytes } = await transpile(component);
    const path = join(directory, "module");
    writeFileSync(path, bytes);
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const digests = { componentDigest: digest(component), moduleDigest: digest(bytes) };
    const sign = moduleSigner(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    const host = prepareHost(directory);
    let count = 0;
    const options = (): StartOptions => ({
      host,
      module: { path, ...digests, signature: sign(digests) },
      publicKeys: [publicKey.export({ type: "spki", format: "pem" }).toString()],
      world: "http",
      args: ["hello"],
      env: [["HOSTNAME", "bench"]],
      memoryLimitBytes: 16 << 20,
      listen: [{ host: "127.0.0.1", port: 0 }],
      addresses: ["127.0.0.1"],
      logPath: join(directory, `log-${++count}`),
      stateDir: join(directory, `state-${count}`),
      grants: {},
    });
    await starts(options);
    await requests(options, path, seconds);
    for (const pod of pods) await memory(options, pod);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function digest(of: Uint8Array): string {
  return `sha256:${createHash("sha256").update(of).digest("hex")}`;
}

async function starts(options: () => StartOptions): Promise<void> {
  const times: number[] = [];
  for (let at = 0; at < STARTS; at++) {
    const given = options();
    const began = performance.now();
    await startComponent(given);
    times.push(performance.now() - began);
    await stopComponent(given.stateDir, 0);
  }
  times.sort((a, b) => a - b);
  const at = (part: number) => (times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0).toFixed(1);
  process.stdout.write(`start to serving, ${STARTS} times: p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, most ${at(1)} ms\n`);
}

async function requests(options: () => StartOptions, module: string, seconds: number): Promise<void> {
  const self = fileURLToPath(import.meta.url);
  const rows: Record<string, object> = {};
  let plain = 0;
  const measure = async (name: string, port: number, pid: number) => {
    await load(port, 1);
    const before = cpuMs(pid);
    const rate = await load(port, seconds);
    const cpu = (1000 * (cpuMs(pid) - before)) / (rate * seconds);
    if (name === "node:http") plain = rate;
    rows[name] = { "requests/s": Math.round(rate), "of node:http": (rate / plain).toFixed(2), "CPU µs each": cpu.toFixed(0), "private MB": privateMb(pid) };
  };
  const child = async (...args: string[]) => {
    const forked = fork(self, args);
    const [port] = (await once(forked, "message")) as [number];
    return { forked, port };
  };
  const { forked, port } = await child("plain");
  await measure("node:http", port, forked.pid ?? 0);
  forked.kill();
  const given = options();
  const running = await startComponent(given);
  await measure("lichen", running.listening[0]?.port ?? 0, running.pid);
  await stopComponent(given.stateDir, 0);
  const fresh = { ...options(), instance: "fresh" as const };
  const second = await startComponent(fresh);
  await measure("lichen, fresh instances", second.listening[0]?.port ?? 0, second.pid);
  await stopComponent(fresh.stateDir, 0);
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const shimPort = (free.address() as AddressInfo).port;
  free.close();
  const shim = await child("shim", module, String(shimPort));
  await measure("preview2-shim", shim.port, shim.forked.pid ?? 0);
  shim.forked.kill("SIGKILL");
  console.table(rows);
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
        // both servers answer with the same body, in one piece or chunked
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

async function memory(options: () => StartOptions, pods: number): Promise<void> {
  const all: { readonly given: StartOptions; readonly running: RunningRecord }[] = [];
  for (let at = 0; at < pods; at++) {
    const given = options();
    all.push({ given, running: await startComponent(given) });
  }
  const each = all.map(({ running }) => Number(privateMb(running.pid)));
  process.stdout.write(`${pods} pods: ${(each.reduce((sum, one) => sum + one, 0) / pods).toFixed(1)} MB private each\n`);
  await Promise.all(all.map(({ given }) => stopComponent(given.stateDir, 0)));
}

/** proc_pid_stat(5): fields 14 and 15, in ticks of 10 ms */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** Private_Clean + Private_Dirty of /proc/<pid>/smaps_rollup: what the machine gets back when the process ends. */
function privateMb(pid: number): string {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kilobytes = [...text.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
  return (kilobytes / 1024).toFixed(1);
}

/**
 * The API over HTTPS (budgets P5, P15): POST of pods with 32 connections while they are scheduled, GET, LIST of 6,000
 * pods, events to 1,000 watchers, durable writes with 64 clients. Beside it, in the same run: what plain node:http gives
 * on this machine, and etcd where it is installed.
 *
 *   node bench/api.ts [nodes=5000] [pods=6000] [writes=6000] [watchers=1000]
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Access } from "../core/cli/kubeconfig.ts";
import { type Connection, openConnection } from "./support/connection.ts";
import { CONNECTIONS, openLoad } from "./support/load.ts";
import { line, median, numberArgument, printLoad, quantile } from "./support/print.ts";
import { cpuSeconds } from "./support/process-cost.ts";
import { startServerProcess, temporaryDirectory } from "./support/server-process.ts";
import { nodeBodies, podBodies } from "./support/workloads.ts";

const NODES = numberArgument("nodes", 5_000);
const PODS = numberArgument("pods", 6_000);
const WRITES = numberArgument("writes", 6_000);
const WATCHERS = numberArgument("watchers", 1_000);
const CLIENTS = 64;
const LISTS = 15;
const GETS = 6_000;
const EVENTS = 50;
const PODS_PATH = "/api/v1/namespaces/default/pods";

function printTimes(name: string, took: readonly number[], anchor: string): void {
  line(`api/${name}-p50`, median(took), "ms", anchor);
  line(`api/${name}-p99`, quantile(took, 0.99), "ms", anchor);
}

/** What the machine gives without lichen: the same bytes back from node:http, no TLS, nothing stored. */
async function plainHttp(body: string): Promise<void> {
  const server = createServer((incoming, outgoing) => incoming.on("data", () => {}).on("end", () => outgoing.end(body))).listen(0, "127.0.0.1");
  await once(server, "listening");
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const { port } = server.address() as AddressInfo;
  const post = () =>
    new Promise<void>((resolve, reject) => {
      const sent = request({ host: "127.0.0.1", port, method: "POST", agent }, (answer) => answer.resume().on("end", resolve));
      sent.on("error", reject);
      sent.end(body);
    });
  printTimes("plain-node-http-post", await together(CONNECTIONS, WRITES, post), "no TLS, no store, client in the same process");
  agent.destroy();
  server.close();
}

/** Runs `work` `count` times, `width` at once, and gives the ms that each took. */
async function together(width: number, count: number, work: (index: number) => Promise<void>): Promise<readonly number[]> {
  const took: number[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) {
      const started = performance.now();
      await work(index);
      took.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return took;
}

async function postHttp2({ server, ca, certificate, key }: Access, bodies: readonly string[]): Promise<readonly number[]> {
  const sessions = Array.from({ length: CONNECTIONS }, () => connectHttp2(server, { ca, cert: certificate, key }));
  let next = 0;
  const took = await together(CONNECTIONS, bodies.length, (index) => {
    const session = sessions[next++ % CONNECTIONS];
    return new Promise<void>((resolve, reject) => {
      const stream = session?.request({ ":method": "POST", ":path": PODS_PATH, "content-type": "application/json" });
      stream?.on("error", reject).on("data", () => {}).on("end", resolve);
      stream?.end(bodies[index]);
    });
  });
  for (const session of sessions) session.close();
  return took;
}

async function lists(connection: Connection): Promise<void> {
  const took: number[] = [];
  let bytes = 0;
  for (let round = 0; round < LISTS; round++) {
    const started = performance.now();
    const { body } = await connection.send("GET", PODS_PATH);
    took.push(performance.now() - started);
    bytes = body.length;
  }
  line("api/list", median(took), "ms", `${(bytes / 1e6).toFixed(1)} MB; Kubernetes here 196; budget 40`);
}

/** Events reach all watchers: deliveries per second, and what one costs the server. */
async function fanOut(access: Access, pid: number): Promise<void> {
  const watchers = await Promise.all(Array.from({ length: WATCHERS }, () => openConnection(access)));
  let seen = 0;
  const all = Promise.withResolvers<void>();
  for (const watcher of watchers) {
    watcher.watch("/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=0", (event) => {
      if (!event.includes('"fan-out-')) return;
      seen += 1;
      if (seen === WATCHERS * EVENTS) all.resolve();
    });
  }
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const load = await openLoad(access, 4);
  const cpu = cpuSeconds([pid]);
  const started = performance.now();
  const data = { text: "x".repeat(1_000) };
  await load.create("/api/v1/namespaces/default/configmaps", Array.from({ length: EVENTS }, (_, index) => JSON.stringify({ metadata: { name: `fan-out-${index}` }, data })));
  await all.promise;
  line("api/watch-deliveries", (seen / (performance.now() - started)) * 1_000, "events/s", `${WATCHERS} watchers over TLS, one process reads them all`);
  line("api/watch-delivery-cpu", ((cpuSeconds([pid]) - cpu) / seen) * 1e6, "us", "notes: TLS, string once 5; Buffer once 3.5");
  load.close();
  for (const watcher of watchers) watcher.close();
}

/** ConfigMaps: the smallest way through the API to the disk. */
async function durableWrites(access: Access, clients: number): Promise<number> {
  const load = await openLoad(access, clients);
  const body = JSON.stringify({ metadata: { generateName: "write-" }, data: { text: "x".repeat(1_000) } });
  const started = performance.now();
  await load.create("/api/v1/namespaces/kube-public/configmaps", Array.from({ length: WRITES }, () => body));
  const rate = (WRITES / (performance.now() - started)) * 1_000;
  load.close();
  return rate;
}

/** The same bytes put into etcd over its JSON gateway. */
async function etcdWrites(directory: string, clients: number): Promise<number> {
  const [client, peer] = ["http://127.0.0.1:23790", "http://127.0.0.1:23800"];
  const etcd: ChildProcess = spawn(
    "etcd",
    ["--data-dir", join(directory, "etcd"), "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `default=${peer}`, "--log-level", "error"],
    { stdio: "ignore" },
  );
  try {
    for (;;) {
      const up = await fetch(`${client}/health`).then((answer) => answer.ok, () => false);
      if (up) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const agent = new Agent({ keepAlive: true, maxSockets: clients });
    const value = Buffer.alloc(1_000, "x").toString("base64");
    const started = performance.now();
    await together(clients, WRITES, (index) => {
      const body = JSON.stringify({ key: Buffer.from(`/registry/configmaps/${index}`).toString("base64"), value });
      return new Promise<void>((resolve, reject) => {
        const sent = request(`${client}/v3/kv/put`, { method: "POST", agent }, (answer) => answer.resume().on("end", resolve));
        sent.on("error", reject);
        sent.end(body);
      });
    });
    const rate = (WRITES / (performance.now() - started)) * 1_000;
    agent.destroy();
    return rate;
  } finally {
    etcd.kill("SIGTERM");
    await once(etcd, "exit");
  }
}

printLoad("at start");
using directory = temporaryDirectory();
const server = await startServerProcess(directory.path);
try {
  const load = await openLoad(server.access);
  await load.create("/api/v1/nodes", nodeBodies(NODES, ["zone1"]));
  const half = podBodies(PODS / 2);
  await plainHttp(half[0] ?? "");
  printTimes("post-pod-h1", await load.create(PODS_PATH, half), "Kubernetes here 30-33, 127-180; budget 8, 25");
  printTimes("post-pod-h2", await postHttp2(server.access, half), "Kubernetes here 30-33, 127-180; budget 8, 25");
  const connection = await openConnection(server.access);
  await connection.send("POST", PODS_PATH, podBodies(1, { generateName: "" })[0]?.replace('"generateName":""', '"name":"one"') ?? "");
  const cpu = cpuSeconds([server.pid]);
  const gets = await load.run(GETS, async (each) => {
    const { status } = await each.send("GET", `${PODS_PATH}/one`);
    if (status !== 200) throw new Error(`GET pod: ${status}`);
  });
  printTimes("get-pod", gets, `${CONNECTIONS} connections`);
  line("api/get-pod-cpu", ((cpuSeconds([server.pid]) - cpu) / GETS) * 1e6, "us", "notes: h1 TLS with Hono 28-30, without authentication and store");
  await lists(connection);
  connection.close();
  load.close();
  await fanOut(server.access, server.pid);
  const anchor = "etcd 3.5 here 4,800-5,400 by its own tool; budget 15,000 through the store, see bench/store.ts";
  line("api/durable-writes-64", await durableWrites(server.access, CLIENTS), "writes/s", anchor);
} finally {
  await server.stop();
}
if (existsSync("/usr/bin/etcd")) line("api/etcd-durable-writes-64", await etcdWrites(directory.path, CLIENTS), "writes/s", "etcd of this machine, JSON gateway, same bytes and clients");
printLoad("at end");

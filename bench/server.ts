/**
 * Memory and start of the server (budgets P6, P18): empty, and with 5,000 nodes and 6,000 pods in its store.
 *
 * PSS counts the pages of the Node program in parts when several processes run it, this benchmark among them; the
 * anonymous part is what the server itself has filled.
 *
 *   node bench/server.ts [nodes=5000] [pods=6000] [rounds=5] [settle=10]
 */
import { openConnection } from "./support/connection.ts";
import { openLoad } from "./support/load.ts";
import { line, median, numberArgument, printLoad } from "./support/print.ts";
import { cpuSeconds, memoryOf } from "./support/process-cost.ts";
import { type ServerProcess, startServerProcess, temporaryDirectory } from "./support/server-process.ts";
import { nodeBodies, podBodies } from "./support/workloads.ts";

const NODES = numberArgument("nodes", 5_000);
const PODS = numberArgument("pods", 6_000);
const ROUNDS = numberArgument("rounds", 5);
/** Seconds without work before memory is read. */
const SETTLE = numberArgument("settle", 10);

const settled = () => new Promise((resolve) => setTimeout(resolve, SETTLE * 1_000));

/** Starts the server again and again on the same data; the last one stays. */
async function starts(name: string, anchor: string, dataDir: string): Promise<ServerProcess> {
  const times: number[] = [];
  const costs: number[] = [];
  for (let round = 1; ; round++) {
    const server = await startServerProcess(dataDir);
    times.push(server.startMs);
    costs.push(cpuSeconds([server.pid]) * 1_000);
    if (round < ROUNDS) {
      await server.stop();
      continue;
    }
    line(`server/start-${name}`, median(times), "ms", anchor);
    line(`server/start-${name}/cpu`, median(costs), "ms", "processor time of it");
    return server;
  }
}

function printMemory(name: string, pid: number, anchor: string): void {
  const { pss, anonymous } = memoryOf([pid]);
  line(`server/memory-${name}`, pss, "MB PSS", anchor);
  line(`server/memory-${name}/anonymous`, anonymous, "MB", "without the shared pages of the program");
}

async function fill(server: ServerProcess): Promise<void> {
  const load = await openLoad(server.access);
  await load.create("/api/v1/nodes", nodeBodies(NODES, ["zone1"]));
  await load.create("/api/v1/namespaces/default/pods", podBodies(PODS));
  load.close();
  const connection = await openConnection(server.access);
  for (let bound = 0; bound < PODS; ) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const { body } = await connection.send("GET", "/api/v1/namespaces/default/pods");
    bound = body.toString().split('"nodeName":"').length - 1;
  }
  connection.close();
}

printLoad("at start");
using directory = temporaryDirectory();
await (await startServerProcess(directory.path)).stop();
let server = await starts("empty", "kube-apiserver 1,600-2,300; budget 500", directory.path);
await settled();
printMemory("empty", server.pid, "Kubernetes here 358, K3s on a Pi 4 1,588; budget 80");
await fill(server);
await settled();
printMemory("after-filling", server.pid, "Kubernetes here 1,118; budget 200");
await server.stop();
server = await starts("filled", "budget 1,500", directory.path);
await settled();
printMemory("filled", server.pid, "Kubernetes here 1,118; budget 200");
await server.stop();
printLoad("at end");

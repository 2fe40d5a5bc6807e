/** The thread of a process's only guest: its network, and a bell that wakes the guest for each word. */
import { writeSync } from "node:fs";
import { workerData } from "node:worker_threads";
import type { Order, ThreadData } from "./net-messages.ts";
import { network } from "./net-thread.ts";

const { bell, port: guest, place } = workerData as ThreadData;

// the guest's thread may be waiting for a word that will not come
process.on("uncaughtException", (error) => {
  writeSync(2, `the network's thread failed: ${error.stack}\n`);
  process.kill(process.pid, "SIGKILL");
});

const tell = network((word) => {
  guest.postMessage(word, []);
  Atomics.add(bell, 0, 1);
  Atomics.notify(bell, 0);
}, place);
guest.on("message", (order: Order) => tell(order));

/** The thread that owns the SQLite file: takes one call at a time from sqlite.ts and answers it. */
import { parentPort, workerData } from "node:worker_threads";
import type { RangeOptions, StoreEvent } from "../store.ts";
import { StoreError } from "../store.ts";
import type { PackedBatch } from "./sqlite-batch.ts";
import { unpacked } from "./sqlite-batch.ts";
import type { SqliteLog } from "./sqlite-log.ts";
import { openSqliteLog } from "./sqlite-log.ts";

export type Call =
  | { readonly method: "load" | "recover" | "close" }
  /** keys, and for each of them numbers and a value in the buffer, see sqlite-batch.ts; the buffer is what comes back */
  | { readonly method: "append"; readonly batch: PackedBatch }
  | { readonly method: "history"; readonly prefix: string; readonly after: number; readonly upTo: number }
  | { readonly method: "rangeAt"; readonly prefix: string; readonly revision: number; readonly options: RangeOptions }
  | { readonly method: "forget"; readonly revision: number };

export type Question = { readonly id: number; readonly call: Call };
export type Answer = { readonly id: number } & ({ readonly value: unknown } | { readonly error: { readonly reason: StoreError["reason"]; readonly message: string } });

const { path } = workerData as { readonly path: string };
let log: SqliteLog | undefined;

parentPort?.on("message", ({ id, call }: Question) => {
  try {
    const value = run((log ??= openSqliteLog(path)), call);
    parentPort?.postMessage({ id, value } satisfies Answer, buffersOf(value));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const reason = error instanceof StoreError ? error.reason : "unavailable";
    parentPort?.postMessage({ id, error: { reason, message } } satisfies Answer, []);
  }
});

function run(open: SqliteLog, call: Call): unknown {
  switch (call.method) {
    case "append":
      open.append(unpacked(call.batch));
      return call.batch.buffer;
    case "history":
      return open.history(call.prefix, call.after, call.upTo);
    case "rangeAt":
      return open.rangeAt(call.prefix, call.revision, call.options);
    case "forget":
      return open.forget(call.revision);
    case "load":
    case "recover":
    case "close":
      return open[call.method]();
  }
}

/** The values in an answer are handed over instead of copied. */
function buffersOf(answer: unknown): ArrayBuffer[] {
  if (answer instanceof ArrayBuffer) return [answer];
  const { entries = [], events = [] } = (answer ?? {}) as { entries?: readonly { value: Uint8Array }[]; events?: readonly StoreEvent[] };
  const buffers = new Set<ArrayBufferLike>();
  for (const { value } of entries) buffers.add(value.buffer);
  for (const { entry, previous } of events) {
    buffers.add(entry.value.buffer);
    if (previous !== undefined) buffers.add(previous.value.buffer);
  }
  return [...buffers] as ArrayBuffer[];
}

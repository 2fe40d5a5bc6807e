/**
 * The log in one SQLite file, on a thread of its own. A commit waits for the disk, and on the memory cards of small boards
 * that takes tens of milliseconds: nothing else of the server waits with it, and the writes that come meanwhile share the
 * next commit. What the file is like is in sqlite-log.ts.
 *
 * A thread that dies (out of memory) is a disk that failed: the store stops acknowledging, and `recover` starts another.
 */
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Driver, Loaded } from "../driver.ts";
import { StoreError } from "../store.ts";
import { BUFFER_BYTES, packed } from "./sqlite-batch.ts";
import type { Answer, Call, Question } from "./sqlite-worker.ts";

/** The heap of the thread: rows pass through it in batches, and once all of them when the store opens. */
const HEAP_MB = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 4 };

interface Thread {
  ask(call: Call, transfer?: readonly ArrayBuffer[]): Promise<unknown>;
  readonly alive: boolean;
  end(): Promise<void>;
}

export function sqliteDriver(path: string): Driver {
  let thread = startThread(path);
  let spare = new ArrayBuffer(BUFFER_BYTES);

  return {
    load: async () => (await thread.ask({ method: "load" })) as Loaded,
    async append(batch) {
      const filled = packed(batch, spare);
      spare = new ArrayBuffer(0);
      const returned = (await thread.ask({ method: "append", batch: filled }, [filled.buffer])) as ArrayBuffer;
      if (returned.byteLength === BUFFER_BYTES) spare = returned;
    },
    async recover() {
      if (!thread.alive) thread = startThread(path);
      return (await thread.ask({ method: "recover" })) as number;
    },
    history: async (prefix, after, upTo) => (await thread.ask({ method: "history", prefix, after, upTo })) as Awaited<ReturnType<Driver["history"]>>,
    rangeAt: async (prefix, revision, options) =>
      (await thread.ask({ method: "rangeAt", prefix, revision, options })) as Awaited<ReturnType<Driver["rangeAt"]>>,
    forget: async (revision) => (await thread.ask({ method: "forget", revision })) as "more" | "done",
    async close() {
      await thread.ask({ method: "close" }).catch(() => {});
      await thread.end();
    },
  };
}

function startThread(path: string): Thread {
  // The thread does not inherit a compile cache by itself; without one it loads the TypeScript compiler, 15 MB.
  const cache = getCompileCacheDir();
  const env = cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(cache) };
  const worker = new Worker(new URL("./sqlite-worker.ts", import.meta.url), { workerData: { path }, resourceLimits: HEAP_MB, env, name: "store" });
  const asked = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  let failure: StoreError | undefined;

  worker.unref(); // only questions under way keep the process alive
  worker.on("message", (answer: Answer) => {
    const waiting = asked.get(answer.id);
    asked.delete(answer.id);
    if (asked.size === 0) worker.unref();
    if ("error" in answer) waiting?.reject(new StoreError(answer.error.reason, answer.error.message));
    else waiting?.resolve(answer.value);
  });
  const fail = (cause: unknown) => {
    failure ??= new StoreError("unavailable", `${path}: the thread of the store ended`, { cause });
    for (const waiting of asked.values()) waiting.reject(failure);
    asked.clear();
  };
  worker.on("error", fail);
  worker.on("exit", fail);

  return {
    get alive() {
      return failure === undefined;
    },
    ask(call, transfer = []) {
      if (failure !== undefined) return Promise.reject(failure);
      const waiting = Promise.withResolvers<unknown>();
      asked.set((lastId += 1), waiting);
      worker.ref();
      worker.postMessage({ id: lastId, call } satisfies Question, [...transfer]);
      return waiting.promise;
    },
    async end() {
      await worker.terminate();
    },
  };
}

/**
 * The guest's side of the network: orders go to the network, its words are taken in whenever the guest looks or waits. The
 * network is started by the first order, so that a pod that never uses its grant pays nothing.
 */
import type { Order, ThreadData, Word } from "./net-messages.ts";
import type { PodPlace } from "./pod-network.ts";
import { bell, listenToBell } from "./waiting.ts";

export type OrderOf<T extends Order["op"]> = Omit<Extract<Order, { readonly op: T }>, "id">;

export interface Net {
  /** begins something: `on` hears all words about it. @param lasting it outlives the instance. @throws Failure when there are too many */
  begin(order: OrderOf<"connect"> | OrderOf<"listen"> | OrderOf<"bind"> | OrderOf<"resolve"> | OrderOf<"request"> | OrderOf<"serial"> | OrderOf<"agent">, on: (word: Word) => void, lasting?: boolean): number;
  /** hears the words about a connection that the thread has accepted */
  adopt(id: number, on: (word: Word) => void): void;
  tell(order: Order): void;
  /** closes it and forgets it */
  end(id: number): void;
  /** closes everything: the instance that owned it is gone */
  endAll(): void;
}

/** Sockets, look-ups and requests of one guest at the same time: each takes a descriptor of the process. */
const MAX_OBJECTS = 256;

/** Begins a network whose words go to `hear`. @returns what takes the orders */
export type StartNetwork = (hear: (word: Word) => void) => (order: Order) => void;

/** A thread of its own, for a guest that has the process to itself. @param script of the thread */
export function networkThread(script: string, place?: PodPlace): StartNetwork {
  return (hear) => {
    // loaded here because most processes never need it
    const { MessageChannel, receiveMessageOnPort, Worker } = process.getBuiltinModule("node:worker_threads");
    const { port1, port2 } = new MessageChannel();
    const workerData: ThreadData = { bell, port: port2, place };
    const worker = new Worker(script, { workerData, transferList: [port2], env: {}, execArgv: [], name: "network" });
    // it lives as long as the guest, not the other way round
    worker.unref();
    worker.on("error", (error) => {
      throw error;
    });
    listenToBell(() => {
      for (let message = receiveMessageOnPort(port1); message !== undefined; message = receiveMessageOnPort(port1)) hear(message.message as Word);
    });
    return (order) => port1.postMessage(order, []);
  };
}

/** @param full what to throw when a guest has too many objects */
export function openNet(start: StartNetwork, full: () => Error | object): Net {
  const listeners = new Map<number, (word: Word) => void>();
  const kept = new Set<number>();
  let last = 0;
  let order: ((order: Order) => void) | undefined;

  const tell = (what: Order) => (order ??= start((word) => listeners.get(word.id)?.(word)))(what);

  const end = (id: number) => {
    if (listeners.delete(id)) tell({ id, op: "close" });
  };

  return {
    begin(what, on, lasting = false) {
      if (listeners.size >= MAX_OBJECTS) throw full();
      const id = ++last;
      listeners.set(id, on);
      if (lasting) kept.add(id);
      tell({ ...what, id });
      return id;
    },
    adopt: (id, on) => void listeners.set(id, on),
    tell,
    end,
    endAll() {
      for (const id of listeners.keys()) if (!kept.has(id)) end(id);
    },
  };
}

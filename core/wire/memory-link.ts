/**
 * A broker and its network in one process, for tests and simulation: everything that MQTT over a bad link does to
 * messages, from a seed and under a virtual clock. Harsher than TCP in one way: with faults on, a confirmed message may
 * still be lost, because that is what a broker that dies after its PUBACK looks like.
 */
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { DeviceLink, HubLink } from "./link.ts";

export interface Faults {
  /** probability that a message vanishes */
  readonly loss?: number;
  /** each message takes between `from` and `to` milliseconds; order is kept unless `reorder` */
  readonly delay?: { readonly from: number; readonly to: number };
  /** probability that a message overtakes those before it */
  readonly reorder?: number;
  /** probability that a message arrives twice */
  readonly duplicate?: number;
}

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly faults?: Faults;
  /** as the devices would tell a broker; default 60 s */
  readonly keepaliveMs?: number;
  /** longest pause before a device connects again; default 1 s */
  readonly reconnectMs?: number;
}

export interface MemoryNetwork {
  readonly hub: HubLink;
  /** the device's end; it connects by itself. One at a time per node: the later one takes over */
  device(node: string): DeviceLink;
  /** replaces the faults of all links */
  faults(faults: Faults): void;
  /** cuts one device, or all, without telling anyone; keepalive finds out. `false` heals. */
  partition(cut: boolean, node?: string): void;
  /** breaks the connection so that both ends see it; the device connects again */
  reset(node?: string): void;
  /** the broker goes and comes back: devices and hub lose their connections */
  restart(downMs: number): void;
  /** the server died without a word: its listeners are gone, the devices notice nothing */
  forgetHub(): void;
  /** messages and bytes that were handed to the network */
  readonly counters: { up: number; down: number; upBytes: number; downBytes: number; lost: number };
}

const BROKEN = "link is not connected";
/** MQTT 3.1.1 §3.1.2.10: a broker waits one and a half keepalives */
const KEEPALIVE_PATIENCE = 1.5;

interface End {
  readonly node: string;
  connected: boolean;
  cut: boolean;
  closed: boolean;
  /** moment before which nothing more may arrive, per direction: keeps order */
  upFree: number;
  downFree: number;
  stopTimer: () => void;
  readonly messages: ((payload: Uint8Array) => void)[];
  readonly states: ((connected: boolean) => void)[];
}

export function memoryNetwork(options: MemoryNetworkOptions): MemoryNetwork {
  const { clock, entropy } = options;
  const keepaliveMs = options.keepaliveMs ?? 60_000;
  const reconnectMs = options.reconnectMs ?? 1_000;
  let faults = options.faults ?? {};
  let brokerUp = true;
  const ends = new Map<string, End>();
  const hubMessages: ((node: string, payload: Uint8Array) => void)[] = [];
  const hubPresence: ((node: string, present: boolean) => void)[] = [];
  const hubReachable: ((reachable: boolean) => void)[] = [];
  const counters = { up: 0, down: 0, upBytes: 0, downBytes: 0, lost: 0 };

  const chance = (probability: number | undefined) => probability !== undefined && entropy.fraction() < probability;

  const setConnected = (end: End, connected: boolean) => {
    if (end.connected === connected) return;
    end.connected = connected;
    for (const listener of end.states) listener(connected);
    if (brokerUp) for (const listener of hubPresence) listener(end.node, connected);
  };

  const connectLater = (end: End) => {
    end.stopTimer();
    end.stopTimer = clock.after(Math.floor(entropy.fraction() * reconnectMs), () => {
      if (end.closed || ends.get(end.node) !== end) return;
      if (end.cut || !brokerUp) connectLater(end);
      else setConnected(end, true);
    });
  };

  const breakOff = (end: End) => {
    setConnected(end, false);
    if (!end.closed) connectLater(end);
  };

  /** delivers `payload` after the faults had their say */
  const carry = (end: End, direction: "up" | "down", payload: Uint8Array, deliver: (copy: Uint8Array) => void) => {
    counters[direction]++;
    counters[`${direction}Bytes`] += payload.length;
    if (end.cut || chance(faults.loss)) {
      counters.lost++;
      return;
    }
    const { from, to } = faults.delay ?? { from: 0, to: 0 };
    const free = direction === "up" ? "upFree" : "downFree";
    for (let copies = chance(faults.duplicate) ? 2 : 1; copies > 0; copies--) {
      let at = clock.monotonic() + from + Math.floor(entropy.fraction() * (to - from));
      if (!chance(faults.reorder)) {
        at = Math.max(at, end[free]);
        end[free] = at;
      }
      const copy = Uint8Array.from(payload);
      clock.after(at - clock.monotonic(), () => {
        if (end.connected && !end.cut && brokerUp) deliver(copy);
        else counters.lost++;
      });
    }
  };

  const chosen = (node: string | undefined): readonly End[] => {
    if (node === undefined) return [...ends.values()];
    const end = ends.get(node);
    return end === undefined ? [] : [end];
  };

  const hub: HubLink = {
    async publish(node, payload) {
      const end = ends.get(node);
      if (end === undefined || !end.connected || !brokerUp) throw new Error(`device ${node} is not connected`);
      carry(end, "down", payload, (copy) => {
        for (const listener of end.messages) listener(copy);
      });
    },
    onMessage: (listener) => void hubMessages.push(listener),
    onPresence: (listener) => void hubPresence.push(listener),
    onReachable: (listener) => void hubReachable.push(listener),
    disconnect(node) {
      for (const end of chosen(node)) breakOff(end);
    },
    async close() {
      for (const end of ends.values()) {
        end.closed = true;
        end.stopTimer();
        setConnected(end, false);
      }
    },
  };

  return {
    hub,
    counters,
    forgetHub() {
      for (const listeners of [hubMessages, hubPresence, hubReachable]) listeners.length = 0;
    },
    device(node) {
      const before = ends.get(node);
      if (before !== undefined) {
        before.closed = true;
        before.stopTimer();
        setConnected(before, false);
      }
      const end: End = {
        node,
        connected: false,
        cut: before?.cut ?? false,
        closed: false,
        upFree: 0,
        downFree: 0,
        stopTimer: () => {},
        messages: [],
        states: [],
      };
      ends.set(node, end);
      connectLater(end);
      return {
        async publish(payload) {
          if (!end.connected) throw new Error(BROKEN);
          carry(end, "up", payload, (copy) => {
            for (const listener of hubMessages) listener(node, copy);
          });
        },
        onMessage: (listener) => void end.messages.push(listener),
        onConnected(listener) {
          end.states.push(listener);
          if (end.connected) listener(true);
        },
        async close() {
          if (end.closed) return;
          end.closed = true;
          end.stopTimer();
          // a cut device cannot say goodbye: keepalive has to find out
          if (!end.cut) setConnected(end, false);
          else clock.after(keepaliveMs * KEEPALIVE_PATIENCE, () => setConnected(end, false));
          if (ends.get(node) === end && !end.cut) ends.delete(node);
        },
      };
    },
    faults(next) {
      faults = next;
    },
    partition(cut, node) {
      for (const end of chosen(node)) {
        if (end.cut === cut) continue;
        end.cut = cut;
        if (cut) {
          clock.after(keepaliveMs * KEEPALIVE_PATIENCE, () => {
            if (end.cut && end.connected) breakOff(end);
          });
        }
      }
    },
    reset(node) {
      for (const end of chosen(node)) breakOff(end);
    },
    restart(downMs) {
      brokerUp = false;
      for (const listener of hubReachable) listener(false);
      for (const end of ends.values()) breakOff(end);
      clock.after(downMs, () => {
        brokerUp = true;
        for (const listener of hubReachable) listener(true);
      });
    },
  };
}

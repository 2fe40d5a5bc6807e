/**
 * The connection to the agent in the network's thread. Agents are restarted while guests run, so it comes back by itself; what
 * the agent has to know anew are the metrics, which therefore live here: the guest's thread writes values into shared memory,
 * and once a second those that changed are told. A guest that counts a million times a second costs nobody anything.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { LineUp } from "./agent-lines.ts";
import { WINDOW_BYTES } from "./net-messages.ts";
import type { Handle, Say } from "./net-thread.ts";

const RETRY_MS = 500;
const TELL_MS = 1000;

export interface AgentOrder {
  readonly path: string;
  /** shared memory: a value for each series */
  readonly values: Float64Array;
}

/** Says "open" each time the agent is there, "end" when it is gone. */
export function openAgent(id: number, { path, values }: AgentOrder, say: Say): Handle {
  const series: LineUp[] = [];
  let told: number[] = [];
  let socket: Socket | undefined;
  let waiting = 0;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let ticking: NodeJS.Timeout | undefined;

  const tell = (line: LineUp) => void socket?.write(`${JSON.stringify(line)}\n`);

  function tellValues(): void {
    // an agent that reads slowly gets fewer and newer values
    if (socket === undefined || socket.connecting || socket.writableLength > WINDOW_BYTES) return;
    const changed = series.flatMap((_series, index): [number, number][] => {
      const value = values[index] ?? 0;
      return told[index] === value ? [] : [[index, value]];
    });
    for (const [index, value] of changed) told[index] = value;
    if (changed.length > 0) tell({ say: "values", values: changed });
  }

  function begin(): void {
    const next = connect({ path });
    let connected = false;
    socket = next;
    next.once("connect", () => {
      connected = true;
      told = [];
      waiting = 0;
      for (const line of series) tell(line);
      tellValues();
      say({ id, is: "open", local: nobody, remote: undefined });
    });
    next.on("data", (bytes: Buffer) => {
      waiting += bytes.length;
      if (waiting >= WINDOW_BYTES) next.pause();
      say({ id, is: "data", bytes });
    });
    next.on("error", () => {});
    next.once("close", () => {
      socket = undefined;
      if (closed) return;
      if (connected) say({ id, is: "end" });
      timer = setTimeout(begin, RETRY_MS);
    });
  }
  begin();

  return {
    write: (bytes) => void socket?.write(bytes),
    taken(bytes) {
      waiting -= bytes;
      if (waiting < WINDOW_BYTES / 2) socket?.resume();
    },
    series(index, of) {
      const line: LineUp = { say: "series", index, ...of };
      series[index] = line;
      if (socket?.connecting === false) tell(line);
      ticking ??= setInterval(tellValues, TELL_MS);
    },
    close() {
      closed = true;
      clearTimeout(timer);
      clearInterval(ticking);
      socket?.destroy();
    },
  };
}

const nobody = { host: "", port: 0 };

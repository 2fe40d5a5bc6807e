/** The guest's side of the connection to the agent: begun by the first use, kept over instances, told again what matters. */
import { closeSync, constants, openSync } from "node:fs";
import { lineReader, MAX_SERIES, SOCKET_FILE } from "./agent-lines.ts";
import type { LineDown, LineUp, Series } from "./agent-lines.ts";
import type { Net } from "./net.ts";
import { waitFor } from "./waiting.ts";

/** Right after the start the agent may not listen yet; later it may be restarting. */
const PATIENCE_NS = 3_000_000_000n;

export interface AgentLine {
  /** waits a moment for an agent that is not there; to be called before anything else */
  reached(): boolean;
  write(line: LineUp): void;
  /** `again` is called when the agent is there anew */
  listen(hear: (line: LineDown) => void, again: () => void): void;
  series(index: number, of: Series): void;
  /** one for each series; shared with the thread that tells them */
  readonly values: Float64Array;
}

/** @param stateDir of the process, where the agent listens; undefined: there is no agent */
export function agentLine(net: Net, stateDir: string | undefined): AgentLine {
  const values = new Float64Array(new SharedArrayBuffer(MAX_SERIES * Float64Array.BYTES_PER_ELEMENT));
  const listeners: { readonly hear: (line: LineDown) => void; readonly again: () => void }[] = [];
  let id: number | undefined;
  let open = false;
  /** when patience ends; fixed, because a call that waits may be begun anew */
  let until = 0n;
  let read = lineReader();

  function begun(): number | undefined {
    if (id !== undefined || stateDir === undefined) return id;
    // a descriptor's path is short, and a socket's path may have 107 bytes (unix(7))
    until = process.hrtime.bigint() + PATIENCE_NS;
    const directory = openSync(stateDir, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      id = net.begin({ op: "agent", path: `/proc/self/fd/${directory}/${SOCKET_FILE}`, values }, (word) => {
        if (word.is === "open") {
          open = true;
          read = lineReader();
          for (const { again } of listeners) again();
        } else if (word.is === "end") {
          open = false;
          until = process.hrtime.bigint() + PATIENCE_NS;
        } else if (word.is === "data") {
          net.tell({ id: id ?? 0, op: "taken", bytes: word.bytes.length });
          for (const line of read(word.bytes) ?? []) for (const { hear } of listeners) hear(JSON.parse(line) as LineDown);
        }
      }, true);
    } catch (error) {
      closeSync(directory);
      throw error;
    }
    return id;
  }

  return {
    values,
    reached() {
      if (begun() === undefined) return false;
      waitFor(() => open, until);
      return open;
    },
    write(line) {
      const to = begun();
      if (to !== undefined) net.tell({ id: to, op: "write", bytes: Buffer.from(`${JSON.stringify(line)}\n`) });
    },
    listen: (hear, again) => void listeners.push({ hear, again }),
    series(index, of) {
      const to = begun();
      if (to !== undefined) net.tell({ id: to, op: "series", index, of });
    },
  };
}

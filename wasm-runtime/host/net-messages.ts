/**
 * What the guest's thread and the network's thread say to each other. Every object on the network has a number that the
 * guest's thread chose (accepted connections: the network's thread, negative); all words about it carry that number.
 */
import type { MessagePort } from "node:worker_threads";
import type { Series } from "./agent-lines.ts";
import type { AgentOrder } from "./net-agent.ts";
import type { PodPlace } from "./pod-network.ts";

export interface Peer {
  readonly host: string;
  readonly port: number;
}

export interface RequestHead {
  readonly method: string;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** name, value, name, value, … as latin1 */
  readonly headers: readonly string[];
  /** the only addresses it may go to */
  readonly addresses: readonly string[];
  readonly connectMs: number;
  readonly firstByteMs: number;
  readonly betweenBytesMs: number;
}

/** to the network's thread */
export type Order =
  | { readonly id: number; readonly op: "connect"; readonly to: Peer; readonly from: Peer | undefined }
  | { readonly id: number; readonly op: "listen"; readonly at: Peer; readonly backlog: number }
  | { readonly id: number; readonly op: "bind"; readonly at: Peer; readonly family: "ipv4" | "ipv6" }
  | { readonly id: number; readonly op: "send"; readonly bytes: Uint8Array; readonly to: Peer }
  | { readonly id: number; readonly op: "resolve"; readonly name: string }
  | { readonly id: number; readonly op: "request"; readonly head: RequestHead }
  /** an opened serial port, which the thread closes */
  | { readonly id: number; readonly op: "serial"; readonly fd: number }
  | ({ readonly id: number; readonly op: "agent" } & AgentOrder)
  | { readonly id: number; readonly op: "series"; readonly index: number; readonly of: Series }
  | { readonly id: number; readonly op: "write"; readonly bytes: Uint8Array }
  | { readonly id: number; readonly op: "end" }
  /** so many bytes were taken: more may come */
  | { readonly id: number; readonly op: "taken"; readonly bytes: number }
  | { readonly id: number; readonly op: "keep-alive"; readonly enabled: boolean; readonly idleMs: number }
  | { readonly id: number; readonly op: "close" };

/** from the network's thread */
export type Word =
  | { readonly id: number; readonly is: "open"; readonly local: Peer; readonly remote: Peer | undefined }
  | { readonly id: number; readonly is: "accepted"; readonly as: number; readonly local: Peer; readonly remote: Peer }
  | { readonly id: number; readonly is: "data"; readonly bytes: Uint8Array }
  | { readonly id: number; readonly is: "datagram"; readonly bytes: Uint8Array; readonly from: Peer }
  | { readonly id: number; readonly is: "addresses"; readonly list: readonly string[] }
  | { readonly id: number; readonly is: "response"; readonly status: number; readonly headers: readonly string[] }
  /** so many bytes have left */
  | { readonly id: number; readonly is: "left"; readonly bytes: number }
  | { readonly id: number; readonly is: "end" }
  /** code of Node or of the system: "ECONNREFUSED" */
  | { readonly id: number; readonly is: "failed"; readonly code: string; readonly message: string };

/** What may be on its way in either direction of one connection: enough for 100 Mbit/s at 20 ms, little on a small board. */
export const WINDOW_BYTES = 256 << 10;

/** What the thread is started with. */
export interface ThreadData {
  /** rung after each word */
  readonly bell: Int32Array;
  readonly port: MessagePort;
  readonly place: PodPlace | undefined;
}

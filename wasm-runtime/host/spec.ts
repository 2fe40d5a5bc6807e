/** What the agent tells a host process: everything it may do, nothing else. Sent over a pipe, never stored: it has secrets. */
import type { World } from "../bundle.ts";
import type { Programs } from "./device-program.ts";
import type { LineGrant } from "./gpio.ts";
import type { BusGrant } from "./i2c.ts";
import type { PodPlace } from "./pod-network.ts";
import type { StoreGrant } from "./keyvalue.ts";

export interface SignedModule {
  /** the bundle file */
  readonly path: string;
  /** "sha256:<hex>" of that file */
  readonly moduleDigest: string;
  /** "sha256:<hex>" of the component that it was made from */
  readonly componentDigest: string;
  /** base64, over `statementOf` */
  readonly signature: string;
}

export interface Preopen {
  readonly hostPath: string;
  readonly guestPath: string;
  readonly readOnly: boolean;
}

export interface Grants {
  readonly config?: Readonly<Record<string, string>>;
  readonly stores?: readonly StoreGrant[];
  readonly gpio?: readonly LineGrant[];
  readonly i2c?: readonly BusGrant[];
  /** "0.1": bus and chip select of /dev/spidev0.1 */
  readonly spi?: readonly string[];
  /** "ttyUSB0": names in /dev */
  readonly uart?: readonly string[];
  /** ids of one-wire devices; "28-*": all of a family */
  readonly onewire?: readonly string[];
  /** what reaches these devices, found by whoever grants them (device-programs.ts) */
  readonly programs?: Programs;
  /** the tree that has dev and sys; "/" unless given */
  readonly deviceRoot?: string;
  readonly preopens?: readonly Preopen[];
  /** "api.example.com:443, 10.0.0.0/8:*": see endpoints.ts */
  readonly outbound?: string;
  /** "tcp:9000, udp:5353": ports that the component itself listens on, at the pod's address */
  readonly listening?: string;
}

export interface HostSpec {
  /** bytes of the module, which follow the orders on the pipe: read and verified by the agent */
  readonly moduleBytes: number;
  readonly world: World;
  /** modules of libraries, which follow the module on the pipe: those that others import from come first */
  readonly linked?: readonly { readonly moduleBytes: number; readonly memoryLimitBytes: number }[];
  readonly args: readonly string[];
  readonly env: readonly (readonly [string, string])[];
  readonly memoryLimitBytes: number;
  /** bits of an address on this board's kernel (39 on many small ones); absent: enough */
  readonly addressBits?: number;
  /** thousandths of a processor; where the device has cgroups */
  readonly cpuMillis?: number;
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  /** how long the guest may take for one request (service); the host's default unless given */
  readonly requestTimeoutMs?: number;
  /** "fresh": each request gets an instance of its own */
  readonly instance?: "reused" | "fresh";
  /** a service that had no request for so long gives back its memory, until the next one comes */
  readonly idleMs?: number;
  /** its sockets come from the agent, over Node's channel, and not from `listen` */
  readonly handed?: boolean;
  /** the pod's own, for sockets */
  readonly addresses: readonly string[];
  /** in its cluster's network; absent: in none */
  readonly place?: PodPlace;
  /** absent: output goes to the process's own, as it is */
  readonly logPath?: string;
  /** whether the agent listens in `stateDir` for messages and metrics of the guest */
  readonly agentLine?: boolean;
  /** whether the guest may read the process's standard input */
  readonly stdin?: boolean;
  /** call the exported function of this name, or run the command with these arguments, instead of what the world says */
  readonly call?: readonly string[];
  readonly stateDir: string;
  readonly grants: Grants;
}

/** The bytes that are signed: binds the module to its component, so that neither can be replaced by another signed one. */
export function statementOf(of: { readonly componentDigest: string; readonly moduleDigest: string }): Uint8Array {
  return Buffer.from(`lichen-module-v1\n${of.componentDigest}\n${of.moduleDigest}\n`);
}

/** In `stateDir`: who runs. */
export interface RunningRecord {
  readonly pid: number;
  /** field 22 of /proc/<pid>/stat: with the pid it names a process for one boot */
  readonly startTime: string;
  readonly bootId: string;
  /** milliseconds since 1970 */
  readonly startedAt: number;
  readonly listening: readonly { readonly host: string; readonly port: number }[];
  /** directory of the process, when it is shared */
  readonly shared?: string;
  /** it sleeps until somebody connects: there is no process */
  readonly asleep?: boolean;
}

/** In `stateDir`: how it ended. */
export interface ExitRecord {
  readonly code: number;
  readonly reason: string;
  readonly message?: string;
  readonly startedAt: number;
  readonly finishedAt: number;
  /** in a shared process: "culprit" was the reason that all in it ended, "blameless" ended only because of another */
  readonly fault?: "culprit" | "blameless";
}

export const RUNNING_FILE = "running.json";
export const EXIT_FILE = "exit.json";
/** the pipe to the agent: spec in, one line out when it runs */
export const SPEC_FD = 3;
/** A title that says since when (milliseconds since 1970) the process is in the guest, and in which if there are several. */
export const busyTitle = (since: number, id?: string) => `lichen-wasi busy ${since}${id === undefined ? "" : ` ${id}`}`;
export const BUSY_TITLE = /^lichen-wasi busy (\d+)(?: ([0-9a-f]+))?/;
/** For one request of a service, as common gateways; a pod's annotation may say otherwise. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;
/** beside the host's own script */
export const NETWORK_SCRIPT = "network.cjs";

/** What the agent tells a shared process, see shared.ts. */
export type SharedOrder =
  | { readonly op: "start"; readonly id: string; /** digest */ readonly module: string; readonly spec: HostSpec }
  | { readonly op: "stop"; readonly id: string; readonly graceMs: number }
  | { readonly op: "usage" };
/** in a shared process's directory */
export const CONTROL_SOCKET = "control";
export const PROCESS_FILE = "process.json";

/** What a process whose sockets are handed over says when it has nothing to do: how many it was handed. */
export interface Idle {
  readonly idle: number;
}

/** In the state directory of a container that runs on demand. Its processes have theirs below: `process-<count>` is the last. */
export interface DemandRecord {
  readonly startedAt: number;
  readonly count: number;
  readonly listening: RunningRecord["listening"];
}
export const DEMAND_FILE = "demand.json";

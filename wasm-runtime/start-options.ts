/** What it takes to start a component, in a process of its own or a shared one, and how a start fails. */
import type { ChildProcess } from "node:child_process";
import type { HostImage } from "./host-image.ts";
import type { ExitRecord, HostSpec, SignedModule } from "./host/spec.ts";

/** A busy small board takes a second; a component that loops in its start function never gets there. */
export const START_TIMEOUT_MS = 20_000;

/** A library: its memory is its own, its grants are those of who links it. */
export interface LinkedModule {
  readonly module: SignedModule;
  readonly memoryLimitBytes: number;
}

export interface StartOptions extends Omit<HostSpec, "moduleBytes" | "linked" | "logPath" | "call" | "stdin"> {
  readonly logPath: string;
  readonly host: HostImage;
  readonly module: SignedModule;
  /** libraries that run in the same process: those that others import from come first */
  readonly linked?: readonly LinkedModule[];
  /** PEM (SPKI) of the keys whose signature is accepted: Ed25519 or P-256 */
  readonly publicKeys: readonly string[];
  readonly startTimeoutMs?: number;
  /** with `handed`: what its sockets go to */
  readonly onChild?: (child: ChildProcess) => void;
  /** hint that the process ended; the record is in the state directory then */
  readonly onExit?: () => void;
}

/** The component did not start; the exit record says the same. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly exit: ExitRecord;

  constructor(exit: ExitRecord) {
    super(exit.message ?? exit.reason);
    this.exit = exit;
  }
}

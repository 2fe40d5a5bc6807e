/** What is done to the device: each blow hits one thing of its own, chosen by the seed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Device, type Process, processesOf } from "../../support/device-traces.ts";

export interface Target extends Device {
  readonly agentPid: () => number;
  /** deletes one pod that a controller replaces */
  readonly deleteOne: (fraction: number) => Promise<void>;
}

export type Blow = (target: Target, fraction: number) => Promise<void> | void;

/** Processes of pods are hit most; the ones above them are rare, as in the field. Weights of a hundred. */
export const blows: { readonly [what: string]: { readonly weight: number; readonly strike: Blow } } = {
  process: { weight: 40, strike: (target, fraction) => kill(target, fraction, ({ cgroup, command }) => cgroup.includes("kubepods") && command !== "/pause") },
  sandbox: { weight: 12, strike: (target, fraction) => kill(target, fraction, ({ command }) => command === "/pause") },
  shim: { weight: 20, strike: (target, fraction) => kill(target, fraction, ({ command }) => /^\S*containerd-shim/.test(command)) },
  containerd: { weight: 8, strike: ({ directory }) => void process.kill(daemonPid(directory), "SIGKILL") },
  agent: { weight: 8, strike: ({ agentPid }) => void process.kill(agentPid(), "SIGKILL") },
  // as a service manager or a power supply does it
  both: {
    weight: 2,
    strike({ directory, agentPid }) {
      process.kill(agentPid(), "SIGKILL");
      process.kill(daemonPid(directory), "SIGKILL");
    },
  },
  deletion: { weight: 10, strike: ({ deleteOne }, fraction) => deleteOne(fraction) },
};

/** Which blow a number in [0, 1) means. */
export function blowAt(fraction: number): string {
  const total = Object.values(blows).reduce((sum, { weight }) => sum + weight, 0);
  let at = fraction * total;
  for (const [what, { weight }] of Object.entries(blows)) {
    if (at < weight) return what;
    at -= weight;
  }
  return "process";
}

function daemonPid(directory: string): number {
  return (JSON.parse(readFileSync(join(directory, "containerd", "daemon.json"), "utf8")) as { readonly pid: number }).pid;
}

function kill({ directory, name }: Device, fraction: number, wanted: (one: Process) => boolean): void {
  const possible = processesOf(directory, name).filter(wanted);
  const chosen = possible[Math.floor(fraction * possible.length)];
  if (chosen !== undefined) process.kill(chosen.pid, "SIGKILL");
}

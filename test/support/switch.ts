/**
 * Machines made of network namespaces on one switch. The machine that runs the tests is the first address of the switch;
 * programs are put into a namespace with nsenter, which, unlike `ip netns exec`, leaves /sys as it is.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { systemProgram } from "../../edge-agent/network/system-program.ts";
import type { Teardown } from "./lichen.ts";
import { type Program, startProgram } from "./program.ts";

const run = promisify(execFile);

export interface Machine {
  readonly name: string;
  readonly address: string;
  /** starts a program there */
  start(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): Program;
  /** runs one to its end there; standard output */
  run(command: string, ...args: readonly string[]): Promise<string>;
  /** what is on it is over at once, and nothing says so on the network */
  cutPower(): Promise<void>;
}

export interface Switch {
  /** of the machine that runs the tests */
  readonly address: string;
  machine(name: string): Promise<Machine>;
}

/** `subnet`: the first three numbers, "10.99.31"; interface names have at most 15 letters */
export async function networkSwitch(t: Teardown, subnet: string): Promise<Switch> {
  const id = `lc${process.pid % 100_000}`;
  const ip = (...args: readonly string[]) => run("ip", args);
  const bridge = `${id}b`;
  await ip("link", "add", bridge, "type", "bridge");
  t.teardown(async () => void (await ip("link", "delete", bridge)));
  await ip("addr", "add", `${subnet}.1/24`, "dev", bridge);
  await ip("link", "set", bridge, "up");
  let last = 10;
  return {
    address: `${subnet}.1`,
    async machine(name) {
      const number = ++last;
      const address = `${subnet}.${number}`;
      const space = `${id}-${name}`;
      await ip("netns", "add", space);
      t.teardown(async () => void (await ip("netns", "delete", space)));
      await ip("link", "add", `${id}v${number}`, "type", "veth", "peer", "name", "eth0", "netns", space);
      await ip("link", "set", `${id}v${number}`, "master", bridge, "up");
      for (const args of [["addr", "add", `${address}/24`, "dev", "eth0"], ["link", "set", "eth0", "up"], ["link", "set", "lo", "up"], ["route", "add", "default", "via", `${subnet}.1`]]) await ip("-n", space, ...args);
      const inside = (command: string, args: readonly string[]) => [`--net=/run/netns/${space}`, command, ...args];
      return {
        name,
        address,
        start: (command, args, env) => startProgram({ command: "nsenter", args: inside(command, args), env: { ...process.env, ...env } }),
        // npm's own programs come first in the PATH of its scripts, and one of them is called nft
        run: (command, ...args) => systemProgram("nsenter", inside(command, args)),
        async cutPower() {
          // first, so that no connection is ended in order
          await ip("-n", space, "link", "set", "eth0", "down");
          const { stdout } = await ip("netns", "pids", space);
          for (const pid of stdout.split("\n").filter((line) => line !== "")) process.kill(Number(pid), "SIGKILL");
        },
      };
    },
  };
}

/**
 * Fences of the kernel around a host process, where they can be had: as root, the process loses every capability it does not
 * need and can gain none (no_new_privs); a process without a network also loses sight of it. They stand behind the host's own
 * checks. Node has no such calls, so two programs of util-linux make them and become the host: same process, same pid.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { HostSpec } from "./host/spec.ts";

export interface Confinement {
  /** goes before the host's own command line */
  readonly command: readonly string[];
}

const SETPRIV = "/usr/bin/setpriv";
const UNSHARE = "/usr/bin/unshare";
const LOWEST_FREE_PORT = 1024;

interface Means {
  readonly setpriv: boolean;
  readonly unshare: boolean;
}

let found: Means | undefined;

/** Whether the programs are there and the kernel lets us: a container of its own often does not. */
function means(): Means {
  if (found !== undefined) return found;
  found = { setpriv: works(SETPRIV, "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "/bin/true"), unshare: works(UNSHARE, "--net", "--ipc", "--uts", "/bin/true") };
  return found;
}

const works = (command: string, ...args: string[]) => process.getuid?.() === 0 && existsSync(command) && spawnSync(command, args, { stdio: "ignore", env: {} }).status === 0;

export function confinementFor(spec: Pick<HostSpec, "listen" | "grants">, available: Means = means()): Confinement {
  const command: string[] = [];
  const { outbound = "", listening = "", preopens = [] } = spec.grants;
  const networked = spec.listen.length > 0 || outbound + listening !== "";
  if (available.unshare) command.push(UNSHARE, "--ipc", "--uts", ...(networked ? [] : ["--net"]), "--");
  if (available.setpriv) {
    const ports = [...spec.listen.map(({ port }) => port), ...[...listening.matchAll(/\d+/g)].map(Number)];
    const kept = [
      ...(ports.some((port) => port > 0 && port < LOWEST_FREE_PORT) ? ["+net_bind_service"] : []),
      // files of a volume may belong to anybody, as in a container run by root
      ...(preopens.length > 0 ? ["+dac_override", "+fowner"] : []),
    ];
    command.push(SETPRIV, "--no-new-privs", `--bounding-set=${["-all", ...kept].join(",")}`, "--inh-caps=-all", "--");
  }
  return { command };
}

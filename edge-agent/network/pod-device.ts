/**
 * The component pods' addresses in the kernel: blocks of local routes ("AnyIP") on a device of the agent's own. A process
 * may bind any address of a block without more ado, so a pod costs no command; who claims a block that another agent on
 * this machine has is refused by the kernel, so two clusters may have one range; and all of it goes with the device. What
 * is there is read from the kernel, so there is no journal that could differ from it.
 */
import { rangeText } from "./address-range.ts";
import type { AddressRange } from "./address-range.ts";

export type Ip = (...args: readonly string[]) => Promise<string>;

export interface PodDevice {
  /** makes the device unless it is there. @throws Error where the agent may not, or the kernel has no such devices */
  ensure(): Promise<void>;
  /** @returns false: another has it */
  claim(block: AddressRange): Promise<boolean>;
  /** as CIDRs */
  claimed(): Promise<readonly string[]>;
  /** with everything on it; nothing when there is none */
  remove(): Promise<void>;
}

/** Kinds that only have to exist; small kernels lack one or the other. */
const KINDS = ["dummy", "bridge"] as const;

export function podDevice(name: string, ip: Ip): PodDevice {
  const exists = () => ip("link", "show", "dev", name).then(() => true, () => false);
  return {
    async ensure() {
      if (!(await exists())) await make(name, ip);
      await ip("link", "set", "dev", name, "addrgenmode", "none").catch(() => {});
      await ip("link", "set", "dev", name, "up");
    },
    async claim(block) {
      try {
        await ip("route", "add", "local", rangeText(block), "dev", name);
        return true;
      } catch (error) {
        if (/File exists/.test(String(error))) return false;
        throw error;
      }
    },
    async claimed() {
      const routes = await ip("-o", "-4", "route", "show", "table", "local", "dev", name, "type", "local");
      return routes.split("\n").flatMap((line) => /^local (\S+)/.exec(line)?.[1] ?? []).map((range) => (range.includes("/") ? range : `${range}/32`));
    },
    async remove() {
      if (await exists()) await ip("link", "delete", "dev", name);
    },
  };
}

async function make(name: string, ip: Ip): Promise<void> {
  let last: unknown;
  for (const kind of KINDS) {
    try {
      await ip("link", "add", "name", name, "type", kind);
      return;
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

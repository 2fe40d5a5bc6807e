/**
 * Which programs a grant of board devices needs, and where they are on this machine. Asked before a component is started, so
 * that a device without one says so in the pod's status instead of failing transaction by transaction.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Programs } from "./host/device-program.ts";
import type { Grants } from "./host/spec.ts";

interface Need {
  readonly grant: keyof Grants & ("i2c" | "spi" | "uart");
  readonly programs: readonly string[];
  /** the package of Debian and Alpine that has them */
  readonly distribution: string;
}

const needs: readonly Need[] = [
  { grant: "i2c", programs: ["i2ctransfer"], distribution: "i2c-tools" },
  { grant: "spi", programs: ["spi-config", "spi-pipe"], distribution: "spi-tools" },
  { grant: "uart", programs: ["stty"], distribution: "coreutils" },
];
/** A host process has no PATH. */
const DIRECTORIES = ["usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"];

/** @throws Error that names what is missing and how to get it */
export function devicePrograms(grants: Grants, root = "/"): Programs {
  const found: Record<string, string> = {};
  for (const { grant, programs, distribution } of needs) {
    if ((grants[grant] ?? []).length === 0) continue;
    for (const program of programs) {
      const path = DIRECTORIES.map((directory) => join(root, directory, program)).find((each) => existsSync(each));
      if (path === undefined) throw new Error(`the ${grant} grant needs the program ${program}, which this device does not have: install ${distribution} on it`);
      found[program] = path;
    }
  }
  return found;
}

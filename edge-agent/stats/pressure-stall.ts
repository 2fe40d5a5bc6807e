/** Pressure stall information of the kernel (Documentation/accounting/psi.rst): how long work had to wait for a resource. */
import { kernelText } from "./kernel-text.ts";

export interface StallTimes {
  /** per cent of the last 10, 60 and 300 seconds */
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  /** microseconds */
  readonly total: number;
}

/** `some`: at least one task waited; `full`: all did, absent where the kernel does not tell */
export interface Stall {
  readonly some: StallTimes;
  readonly full?: StallTimes | undefined;
}

export const STALL_RESOURCES = ["cpu", "memory", "io"] as const;
export type Stalls = { readonly [R in (typeof STALL_RESOURCES)[number]]?: Stall };

/** `fileOf`: where the kernel tells of a resource; a kernel without PSI has no such files */
export function readStalls(fileOf: (resource: string) => string): Stalls {
  return Object.fromEntries(STALL_RESOURCES.flatMap((resource) => {
    const stall = parseStall(kernelText(fileOf(resource)));
    return stall === undefined ? [] : [[resource, stall] as const];
  }));
}

/** undefined: not in the kernel's format */
export function parseStall(text: string): Stall | undefined {
  const times = (kind: string): StallTimes | undefined => {
    const [, avg10, avg60, avg300, total] = new RegExp(`^${kind} avg10=(\\S+) avg60=(\\S+) avg300=(\\S+) total=(\\d+)`, "m").exec(text) ?? [];
    return total === undefined ? undefined : { avg10: Number(avg10), avg60: Number(avg60), avg300: Number(avg300), total: Number(total) };
  };
  const some = times("some");
  return some === undefined ? undefined : { some, full: times("full") };
}

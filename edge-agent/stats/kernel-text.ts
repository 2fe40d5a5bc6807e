import { readFileSync } from "node:fs";

/**
 * A file that the kernel makes when it is read (proc(5), sysfs, cgroups); "": there is none. Read at once: no disk is waited
 * for, and ten of them through the thread pool cost ten times as much as the reading.
 */
export function kernelText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Guests that are lists of cases (guests/*.c): run once in a host process, told about case by case. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { startComponent } from "../../../wasm-runtime/process.ts";
import type { StartOptions } from "../../../wasm-runtime/process.ts";
import { sharedStateDir, startShared } from "../../../wasm-runtime/shared-process.ts";
import { ended, logLines, prepared } from "./components.ts";

const guestFile = (name: string) => new URL(`../guests/${name}`, import.meta.url);
export const guest = (name: string) => readFileSync(guestFile(`${name}.wasm`));

/** In a process of its own, or in one that could be shared: a guest must not notice. */
export const PROCESSES = ["own", "shared"] as const;

/** The names of the cases, from the source. */
export const casesOf = (name: string) => [...readFileSync(guestFile(`${name}.c`), "utf8").matchAll(/^CASE\((\w+)\)/gm)].map(([, found]) => found ?? "");

/** @returns case → "" or what went wrong. A case that ends the guest hides those after it: they have no entry */
export async function runCases(t: Pick<ExecutionContext, "teardown">, name: string, cases: readonly string[], process: (typeof PROCESSES)[number], more: Partial<StartOptions>): Promise<ReadonlyMap<string, string>> {
  const { options, directory } = await prepared(t, guest(name));
  const group = { directory: join(directory, "shared"), logs: `${directory}/*`, stores: join(directory, "keyvalue"), services: more.place?.services, files: more.grants?.preopens !== undefined, maxMemoryBytes: 256 << 20 };
  const given = options({ args: [name, ...cases], ...more, ...(process === "shared" ? { stateDir: sharedStateDir(group.directory, "c0ffee") } : {}) });
  const exit = await ended(given.stateDir, (onExit) => (process === "own" ? startComponent({ ...given, onExit }) : startShared(group, { ...given, onExit })));
  const results = new Map<string, string>();
  for (const line of logLines(given.logPath)) {
    const match = /^\S+ stdout F (ok|not ok) (\w+)(?:: (.*))?$/.exec(line);
    if (match !== null) results.set(match[2] ?? "", match[1] === "ok" ? "" : (match[3] ?? "failed"));
  }
  if (exit.code !== 0) results.set("the end of the guest", `${exit.reason} ${exit.code}: ${exit.message ?? ""}`);
  return results;
}

/**
 * What the host can link, as data: a component that imports anything else is refused before it is transpiled, so that the
 * user reads a name instead of a failing pod.
 */
import { ComponentError } from "./component-header.ts";
import type { ComponentHeader } from "./component-header.ts";
import type { World } from "./bundle.ts";

/** The interfaces of WASI 0.2 by capability. "Linked" does not mean "granted": without a grant each call answers a refusal. */
const interfaces: Readonly<Record<string, readonly string[]>> = {
  "wasi:cli": ["environment", "exit", "run", "stdin", "stdout", "stderr", "terminal-input", "terminal-output", "terminal-stdin", "terminal-stdout", "terminal-stderr"],
  "wasi:clocks": ["monotonic-clock", "wall-clock", "timezone"],
  "wasi:filesystem": ["preopens", "types"],
  "wasi:http": ["types", "outgoing-handler"],
  "wasi:io": ["error", "poll", "streams"],
  "wasi:random": ["insecure", "insecure-seed", "random"],
  "wasi:sockets": ["instance-network", "ip-name-lookup", "network", "tcp", "tcp-create-socket", "udp", "udp-create-socket"],
};

/** Of WASI 0.3, whose functions may be asynchronous: what a command needs. */
const asynchronous: Readonly<Record<string, readonly string[]>> = {
  "wasi:cli": [...(interfaces["wasi:cli"] ?? []), "types"],
  "wasi:clocks": ["monotonic-clock", "system-clock", "types"],
  "wasi:filesystem": ["preopens", "types"],
  "wasi:random": ["insecure", "insecure-seed", "random"],
};

/** Proposals whose versions are drafts, and interfaces of our own: linked whatever the version says. */
const drafts: Readonly<Record<string, readonly string[]>> = {
  "lichen:gpio": ["lines"],
  "lichen:i2c": ["bus"],
  "lichen:messaging": ["topics"],
  "lichen:metrics": ["instruments"],
  "lichen:onewire": ["devices"],
  "lichen:spi": ["devices"],
  "lichen:uart": ["ports"],
  "wasi:config": ["store", "runtime"],
  "wasi:keyvalue": ["store", "atomics", "batch"],
  "wasi:logging": ["logging"],
};

const RUN = "wasi:cli/run";
const HANDLER = "wasi:http/incoming-handler";

const split = (name: string) => {
  const match = /^([a-z0-9-]+:[a-z0-9-]+)\/([a-z0-9-]+)(?:@(.+))?$/.exec(name);
  return match ? { package: match[1] ?? "", interface: match[2] ?? "", version: match[3] ?? "" } : undefined;
};

const releaseOf = (version: string) => (version.startsWith("0.2.") ? interfaces : version.startsWith("0.3.") ? asynchronous : undefined);

export interface Needs {
  readonly world: World;
  readonly capabilities: readonly string[];
}

function isOffered(name: string): boolean {
  const parts = split(name);
  return parts !== undefined && (releaseOf(parts.version)?.[parts.package]?.includes(parts.interface) === true || drafts[parts.package]?.includes(parts.interface) === true);
}

/** How the transpiler tells its process that parts of a composition are accepted. */
export const PARTS_FLAG = "--parts";

/** Interfaces that no device offers: another component has to. */
export const requiredOf = (imports: readonly string[]): readonly string[] => imports.filter((name) => !isOffered(name));

/** An interface of somebody's own, which another component may export. */
const composable = (name: string) => split(name) !== undefined && !name.startsWith("wasi:") && !name.startsWith("lichen:");

/** @param parts whether it may be a part of a composition: import from other components, or only export to them. @throws ComponentError "UnsupportedWorld" | "UnsupportedImport" */
export function needsOf(header: ComponentHeader, parts = false): Needs {
  const world = worldOf(header.exports, parts);
  const unknown = requiredOf(header.imports).filter((name) => !(parts && composable(name)));
  const capabilities = new Set(header.imports.filter(isOffered).map((name) => (name.startsWith("wasi:http/outgoing-handler") ? "wasi:http/outgoing-handler" : (split(name)?.package ?? name))));
  if (unknown.length > 0) {
    throw new ComponentError(
      "UnsupportedImport",
      `the component imports ${unknown.join(", ")}; a device offers WASI 0.2 (${Object.keys(interfaces).join(", ")}), 0.3 (${Object.keys(asynchronous).join(", ")}) and ${Object.keys(drafts).join(", ")}: put a component that exports the rest into the same pod, compose the two (\`wac plug\`), or build it without them`,
    );
  }
  return { world, capabilities: [...capabilities].toSorted() };
}

function worldOf(exports: readonly string[], parts: boolean): World {
  const has = (name: string) => exports.some((given) => given.startsWith(`${name}@0.2.`));
  if (has(HANDLER)) return "http";
  if (has(RUN) || exports.some((given) => given.startsWith(`${RUN}@0.3.`))) return "command";
  if (parts && exports.some(composable)) return "library";
  throw new ComponentError(
    "UnsupportedWorld",
    `the component exports ${exports.length === 0 ? "nothing (a file that was cut off looks like this)" : exports.join(", ")}; it must export ${RUN}@0.2 or @0.3 (a command) or ${HANDLER}@0.2 (a service); one that exports interfaces of its own is a part of a pod with another that imports them`,
  );
}

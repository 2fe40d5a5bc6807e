/** How Node is started for components: small, with bounded memory, and with few ways to the disk. */
import { join } from "node:path";
import type { HostImage } from "./host-image.ts";
import type { HostSpec } from "./host/spec.ts";
import { PAGE_BYTES } from "./limits.ts";

/** The host's own JavaScript heap: bodies and modules are outside of it. */
const HEAP_MB = 32;
/** Glue and objects of a hundred components, of which each has some 100 KB. */
const SHARED_HEAP_MB = 192;
/** x86-64, and ARM64 with 48-bit page tables: all of it is the process's but one bit */
const FULL_ADDRESS_BITS = 47;

export function flagsFor(host: HostImage, spec: HostSpec): string[] {
  return [...common(HEAP_MB, Math.max(spec.memoryLimitBytes, ...(spec.linked ?? []).map(({ memoryLimitBytes }) => memoryLimitBytes)), spec.addressBits), ...permissionsFor(host, spec)];
}

export interface SharedFlags {
  readonly directory: string;
  /** where its components' logs are: a path that may end with "*" */
  readonly logs: string;
  /** of its components' key-value data */
  readonly stores: string;
  /** from where its components learn of Services */
  readonly services?: string | undefined;
  /** whether its components have volumes, which may be anywhere */
  readonly files: boolean;
  /** of any component in it */
  readonly maxMemoryBytes: number;
  readonly addressBits?: number | undefined;
}

/** Built-in objects are frozen: what one component's glue could do to them, all others would see. */
export function sharedFlags(host: HostImage, { directory, logs, stores, services, files, maxMemoryBytes, addressBits }: SharedFlags): string[] {
  const writes = [inside(directory), logs, inside(stores)];
  return [...common(SHARED_HEAP_MB, maxMemoryBytes, addressBits), "--frozen-intrinsics", ...(files ? [] : permission([...writes, ...readable(host), ...(services === undefined ? [] : [services])], writes))];
}

function common(heapMb: number, memoryBytes: number, addressBits: number | undefined): string[] {
  return [
    "--no-warnings",
    "--disallow-code-generation-from-strings",
    "--disable-proto=delete",
    "--max-semi-space-size=1",
    `--max-old-space-size=${heapMb}`,
    `--wasm-max-mem-pages=${Math.max(1, Math.floor(memoryBytes / PAGE_BYTES))}`,
    "--v8-pool-size=1",
    // V8 reserves 8 GB of addresses per memory so that the processor checks bounds; 39 bits have room for few of them
    ...(addressBits !== undefined && addressBits < FULL_ADDRESS_BITS ? ["--disable-wasm-trap-handler"] : []),
  ];
}

/**
 * A second fence behind the host's own: the process can open little. Node's permission model has no fsync and no futimes
 * (v24), which a program that keeps data must have, so a pod with a writable volume runs behind the first fence only.
 */
function permissionsFor(host: HostImage, spec: HostSpec): string[] {
  const preopens = spec.grants.preopens ?? [];
  if (preopens.some(({ readOnly }) => !readOnly)) return [];
  const lines = spec.grants.gpio ?? [];
  const { deviceRoot: root = "/", i2c = [], spi = [], uart = [], onewire = [], outbound = "", listening = "" } = spec.grants;
  const extras = [
    ...(spec.grants.stores ?? []).flatMap(({ directory }) => [directory, inside(directory)]),
    ...(lines.length > 0 ? [join(root, "sys/class/gpio/*"), join(root, "sys/devices/*")] : []),
    ...uart.map((port) => join(root, "dev", port)),
  ];
  const writes = [...extras, ...(spec.logPath === undefined ? [] : [spec.logPath]), inside(spec.stateDir), ...(spec.agentLine === true ? [spec.stateDir] : [])];
  const reads = [
    ...writes, ...readable(host),
    ...preopens.map(({ hostPath }) => inside(hostPath)),
    ...(spec.place === undefined ? [] : [spec.place.services]),
    ...spi.map((device) => join(root, "dev", `spidev${device}`)),
    ...(onewire.length > 0 ? [join(root, "sys/bus/w1/devices"), join(root, "sys/bus/w1/devices/*"), join(root, "sys/devices/*")] : []),
  ];
  const threaded = outbound + listening !== "" || uart.length > 0 || spec.agentLine === true;
  const programs = i2c.length + spi.length + uart.length > 0;
  return [...permission(reads, writes), ...(threaded ? ["--allow-worker"] : []), ...(programs ? ["--allow-child-process"] : [])];
}

const permission = (reads: readonly string[], writes: readonly string[]) => ["--permission", ...reads.map((path) => `--allow-fs-read=${path}`), ...writes.map((path) => `--allow-fs-write=${path}`)];
const readable = (host: HostImage) => [inside(host.directory), "/proc/self/*", "/proc/sys/kernel/random/boot_id"];
const inside = (directory: string) => `${directory}/*`;

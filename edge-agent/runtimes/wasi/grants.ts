/**
 * What a pod's annotations grant its components beyond what its spec says. Everything is denied unless it is written here; a
 * value that is not understood keeps the component from starting, because a guess would be a hole. See docs/components.md.
 */
import type { Pod } from "../../../core/api/types.gen.ts";
import { parseFilters } from "../../../core/wire/message-grants.ts";
import { parseEndpoints, parseListening } from "../../../wasm-runtime/host/endpoints.ts";
import type { LineGrant } from "../../../wasm-runtime/host/gpio.ts";
import type { BusGrant } from "../../../wasm-runtime/host/i2c.ts";
import type { Grants } from "../../../wasm-runtime/process.ts";

export const GRANT_PREFIX = "wasi.lichen.dev/";
/** `config.wasi.lichen.dev/<key>: value` is what wasi:config tells. */
const CONFIG_PREFIX = "config.wasi.lichen.dev/";

/** Grants, and how the pod wants its components to be run. */
export interface Annotated {
  readonly grants?: Omit<Grants, "preopens">;
  /** names of key-value stores; where they are is the device's business */
  readonly stores?: readonly string[];
  readonly requestTimeoutMs?: number;
  readonly instance?: "reused" | "fresh";
  readonly process?: "own" | "shared";
  readonly idleMs?: number;
}

/** A request that takes longer than this is a job; and who sleeps after more than this need not sleep. */
const MAX_DURATION_MS = 3_600_000;

/** Annotation → what its value says. */
const readers: Readonly<Record<string, (value: string) => Annotated>> = {
  "allow-outbound": (outbound) => (parseEndpoints(outbound), { grants: { outbound } }),
  "allow-listen": (listening) => (parseListening(listening), { grants: { listening } }),
  gpio: (text) => ({ grants: { gpio: parseLines(text) } }),
  i2c: (text) => ({ grants: { i2c: parseBuses(text) } }),
  onewire: (text) => ({ grants: { onewire: parseNames(text, /^[0-9a-f]{2}-(?:[0-9a-f]{12}|\*)$/, "a one-wire id such as 28-00000a3b2c1d, or 28-* for a family") } }),
  spi: (text) => ({ grants: { spi: parseNames(text, /^\d{1,3}\.\d{1,3}$/, "BUS.CHIP-SELECT as in /dev/spidev0.1") } }),
  uart: (text) => ({ grants: { uart: parseNames(text, /^tty[A-Za-z]{1,8}\d{1,3}$/, "the name of a serial port in /dev, such as ttyUSB0") } }),
  publish: (text) => (parseFilters(text), {}),
  subscribe: (text) => (parseFilters(text), {}),
  keyvalue: (text) => ({ stores: parseStores(text) }),
  "request-timeout": (text) => ({ requestTimeoutMs: duration(text) }),
  instance: (text) => ({ instance: oneOf(text, ["reused", "fresh"]) }),
  process: (text) => ({ process: oneOf(text, ["own", "shared"]) }),
  "scale-to-zero-after": (text) => ({ idleMs: duration(text) }),
};

function oneOf<T extends string>(text: string, values: readonly [T, T]): T {
  const found = values.find((value) => value === text);
  if (found === undefined) throw new Error(`"${text}" must be "${values.join('" or "')}"`);
  return found;
}

function parseLines(text: string): LineGrant[] {
  return listed(text).map((entry) => {
    const match = /^(\d{1,6}):(in|out)$/.exec(entry);
    if (match === null) throw new Error(`"${entry}" is not a line: write NUMBER:in or NUMBER:out`);
    return { line: Number(match[1]), direction: match[2] as LineGrant["direction"] };
  });
}

function parseBuses(text: string): BusGrant[] {
  return listed(text).map((entry) => {
    const match = /^(\d{1,3}):(\*|0x[0-7][0-9a-f])$/i.exec(entry);
    if (match === null) throw new Error(`"${entry}" is not an I2C address: write BUS:0xNN with a 7-bit address, or BUS:*`);
    return { bus: Number(match[1]), ...(match[2] === "*" ? {} : { address: Number(match[2]) }) };
  });
}

function parseNames(text: string, shape: RegExp, what: string): string[] {
  const names = listed(text);
  for (const name of names) if (!shape.test(name)) throw new Error(`"${name}" is not ${what}`);
  return names;
}

function parseStores(text: string): string[] {
  const names = listed(text);
  for (const name of names) if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) throw new Error(`"${name}" is not a store's name: lower-case letters, digits and "-"`);
  return names;
}

const listed = (text: string) => text.split(",").map((one) => one.trim()).filter((one) => one !== "");

/** "500ms", "30s", "2m" */
function duration(text: string): number {
  const match = /^(\d+)(ms|s|m)$/.exec(text);
  const ms = match === null ? 0 : Number(match[1]) * { ms: 1, s: 1000, m: 60_000 }[match[2] as "ms" | "s" | "m"];
  if (ms < 1 || ms > MAX_DURATION_MS) throw new Error(`"${text}" is not a duration from 1ms to 60m, such as 30s`);
  return ms;
}

/** @throws Error that names the annotation */
export function annotated(pod: Pod): Annotated {
  let all: Annotated = {};
  for (const [key, value] of Object.entries(pod.metadata.annotations ?? {})) {
    if (key.startsWith(CONFIG_PREFIX)) all = { ...all, grants: { ...all.grants, config: { ...all.grants?.config, [key.slice(CONFIG_PREFIX.length)]: value } } };
    if (!key.startsWith(GRANT_PREFIX)) continue;
    const name = key.slice(GRANT_PREFIX.length);
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined) throw new Error(`annotation ${key}: there is no such grant; known are ${Object.keys(readers).join(", ")}`);
    try {
      const one = read(value);
      all = { ...all, ...one, grants: { ...all.grants, ...one.grants } };
    } catch (error) {
      throw new Error(`annotation ${key}: ${(error as Error).message}`, { cause: error });
    }
  }
  return all;
}

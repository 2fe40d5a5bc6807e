/**
 * What an administrator may set on a device, under the names of KubeletConfiguration (kubelet.config.k8s.io/v1beta1), in
 * `<data directory>/kubelet.json`. Fields that this agent does not have are refused by name, not ignored. Defaults are
 * kubelet's, except where a small board needs something else; those say so.
 */
import { readFile } from "node:fs/promises";
import { wordTable } from "../core/api/word-table.ts";
import { quantity } from "./quantity.ts";

/** A bound on what is left: bytes (or a count), or a share of the whole. */
export type Threshold = { readonly amount: number } | { readonly share: number };

export interface Settings {
  readonly maxPods: number;
  /** processes of one pod; undefined: no limit */
  readonly podPidsLimit: number | undefined;
  /** kept for the system and the agent, by resource: cores, bytes, processes */
  readonly reserved: { readonly [resource: string]: number };
  readonly evictionHard: { readonly [signal: string]: Threshold };
  readonly evictionSoft: { readonly [signal: string]: Threshold };
  /** milliseconds by signal */
  readonly evictionSoftGrace: { readonly [signal: string]: number };
  readonly evictionMaxPodGraceSeconds: number;
  readonly pressureTransitionMs: number;
  /** percent of the image file system */
  readonly imageGcHigh: number;
  readonly imageGcLow: number;
  readonly imageMinAgeMs: number;
  /** 0: images are never removed for their age alone */
  readonly imageMaxAgeMs: number;
  readonly logMaxBytes: number;
  /** files per container, the current one included */
  readonly logMaxFiles: number;
  readonly pullsAtOnce: number;
}

/** Sizes of the board that defaults depend on. */
export interface Board {
  readonly memoryBytes: number;
}

export const SIGNALS = ["memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree", "pid.available"] as const;
export type Signal = (typeof SIGNALS)[number];

const MIB = 2 ** 20;
/** What the agent and the system keep for themselves; kubelet's default reserves nothing, which starves small boards. */
const RESERVED_MEMORY = 128 * MIB;
/** Never more than a quarter of the board. */
const RESERVED_SHARE = 0.25;
/** Boards with little memory: 5 % of it, if that is less than kubelet's 100 MiB. */
const MEMORY_LEFT_SHARE = 0.05;
const MEMORY_LEFT = 100 * MIB;
/** kubelet pulls one image at a time; two keep the uplink busy while one of them is being unpacked. */
const PULLS_AT_ONCE = 2;

export function defaultSettings({ memoryBytes }: Board): Settings {
  return {
    maxPods: 110,
    podPidsLimit: undefined,
    reserved: { memory: Math.min(RESERVED_MEMORY, memoryBytes * RESERVED_SHARE) },
    evictionHard: {
      "memory.available": { amount: Math.min(MEMORY_LEFT, memoryBytes * MEMORY_LEFT_SHARE) },
      "nodefs.available": { share: 0.1 },
      "nodefs.inodesFree": { share: 0.05 },
      "imagefs.available": { share: 0.15 },
      "imagefs.inodesFree": { share: 0.05 },
      // kubelet sets none; a device that cannot fork is lost until somebody comes by
      "pid.available": { share: 0.1 },
    },
    evictionSoft: {},
    evictionSoftGrace: {},
    evictionMaxPodGraceSeconds: 0,
    pressureTransitionMs: 300_000,
    imageGcHigh: 85,
    imageGcLow: 80,
    imageMinAgeMs: 120_000,
    imageMaxAgeMs: 0,
    logMaxBytes: 10 * MIB,
    logMaxFiles: 5,
    pullsAtOnce: PULLS_AT_ONCE,
  };
}

/** @throws Error that names the file and the field */
export async function readSettings(file: string, board: Board): Promise<Settings> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return defaultSettings(board);
  try {
    return parseSettings(JSON.parse(text), board);
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

type Fields = { readonly [field: string]: unknown };
type Reader = (value: unknown, field: string) => Partial<Settings>;

const readers = wordTable<Reader>({
  apiVersion: () => ({}),
  kind: () => ({}),
  maxPods: (value, field) => ({ maxPods: whole(value, field) }),
  podPidsLimit: (value, field) => ({ podPidsLimit: value === -1 ? undefined : whole(value, field) }),
  systemReserved: (value, field) => ({ reserved: amounts(value, field) }),
  kubeReserved: (value, field) => ({ reserved: amounts(value, field) }),
  evictionHard: (value, field) => ({ evictionHard: thresholds(value, field) }),
  evictionSoft: (value, field) => ({ evictionSoft: thresholds(value, field) }),
  evictionSoftGracePeriod: (value, field) => ({ evictionSoftGrace: mapped(value, field, duration) }),
  evictionMaxPodGracePeriod: (value, field) => ({ evictionMaxPodGraceSeconds: whole(value, field) }),
  evictionPressureTransitionPeriod: (value, field) => ({ pressureTransitionMs: duration(value, field) }),
  imageGCHighThresholdPercent: (value, field) => ({ imageGcHigh: percent(value, field) }),
  imageGCLowThresholdPercent: (value, field) => ({ imageGcLow: percent(value, field) }),
  imageMinimumGCAge: (value, field) => ({ imageMinAgeMs: duration(value, field) }),
  imageMaximumGCAge: (value, field) => ({ imageMaxAgeMs: duration(value, field) }),
  containerLogMaxSize: (value, field) => ({ logMaxBytes: amount(value, field) }),
  containerLogMaxFiles: (value, field) => ({ logMaxFiles: atLeast(2, whole(value, field), field) }),
  serializeImagePulls: (value, field) => (value === true ? { pullsAtOnce: 1 } : value === false ? {} : wrong(field, "true or false")),
  maxParallelImagePulls: (value, field) => ({ pullsAtOnce: atLeast(1, whole(value, field), field) }),
});

/** @throws Error that names the field */
export function parseSettings(value: unknown, board: Board): Settings {
  let settings = defaultSettings(board);
  let reserved: { readonly [resource: string]: number } | undefined;
  for (const [field, given] of Object.entries(fields(value, "the file"))) {
    const read = readers[field];
    if (read === undefined) throw new Error(`${field}: this agent has no such setting; it has ${Object.keys(readers).join(", ")}`);
    const part = read(given, field);
    // both kinds of reservation are one here: neither is enforced on anything but the pods
    if (part.reserved !== undefined) reserved = sum(reserved ?? {}, part.reserved);
    // what a list of thresholds does not name has none, as with kubelet
    settings = { ...settings, ...part, reserved: reserved ?? settings.reserved };
  }
  for (const signal of Object.keys(settings.evictionSoft)) {
    if (settings.evictionSoftGrace[signal] === undefined) throw new Error(`evictionSoftGracePeriod: the soft threshold of ${signal} needs a grace period`);
  }
  if (settings.imageGcLow >= settings.imageGcHigh) throw new Error("imageGCLowThresholdPercent: must be below imageGCHighThresholdPercent");
  return settings;
}

/** What is left when the threshold is reached; `of` is the whole. */
export function bound(limit: Threshold, of: number): number {
  return "amount" in limit ? limit.amount : limit.share * of;
}

function sum(a: { readonly [key: string]: number }, b: { readonly [key: string]: number }): { readonly [key: string]: number } {
  return Object.fromEntries([...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)]));
}

function fields(value: unknown, field: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong(field, "an object");
  return value as Fields;
}

function mapped<T>(value: unknown, field: string, read: (value: unknown, field: string) => T): { readonly [key: string]: T } {
  return Object.fromEntries(Object.entries(fields(value, field)).map(([key, each]) => [key, read(each, `${field}.${key}`)]));
}

function thresholds(value: unknown, field: string): { readonly [signal: string]: Threshold } {
  const read = mapped(value, field, threshold);
  const unknown = Object.keys(read).find((signal) => !SIGNALS.some((known) => known === signal));
  if (unknown !== undefined) throw new Error(`${field}.${unknown}: expected one of ${SIGNALS.join(", ")}`);
  return read;
}

function threshold(value: unknown, field: string): Threshold {
  const [, share] = /^(\d+(?:\.\d+)?)%$/.exec(String(value)) ?? [];
  if (share === undefined) return { amount: amount(value, field) };
  const part = Number(share) / 100;
  return part <= 1 ? { share: part } : wrong(field, "at most 100%");
}

const amounts = (value: unknown, field: string) => mapped(value, field, amount);

function amount(value: unknown, field: string): number {
  try {
    return quantity(String(value));
  } catch {
    return wrong(field, 'a quantity ("100Mi")');
  }
}

/** Go's durations: "5m", "1h30m", "0s" */
function duration(value: unknown, field: string): number {
  const text = String(value);
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) return wrong(field, 'a duration ("2m", "1h30m")');
  return parts.reduce((total, [, count, unit]) => total + Number(count) * (UNIT_MS[unit ?? ""] ?? 0), 0);
}

const UNIT_MS: { readonly [unit: string]: number } = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

function whole(value: unknown, field: string): number {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : wrong(field, "a whole number");
}

function percent(value: unknown, field: string): number {
  const number = whole(value, field);
  return number <= 100 ? number : wrong(field, "at most 100");
}

function atLeast(least: number, value: number, field: string): number {
  return value >= least ? value : wrong(field, `at least ${least}`);
}

function wrong(field: string, expected: string): never {
  throw new Error(`${field}: expected ${expected}`);
}

/**
 * From what is left of a resource to what to do about it: which thresholds are met, which node conditions hold, which
 * resource to free first. A soft threshold counts after its grace period, a condition stays for the transition period
 * after its last cause, so that neither flaps. Pure: state in, state out.
 *
 * Source: Kubernetes documentation, "Node-pressure Eviction".
 */
import { bound, type Settings, type Signal } from "../settings.ts";

/** What is left, in bytes or numbers. A signal that is missing could not be measured and says nothing. */
export type Observations = { readonly [S in Signal]?: { readonly available: number; readonly capacity: number } };

export type PressureType = "MemoryPressure" | "DiskPressure" | "PIDPressure";
export type StarvedResource = "memory" | "ephemeral-storage" | "inodes" | "pids";

export const signalFacts: { readonly [S in Signal]: { readonly condition: PressureType; readonly resource: StarvedResource } } = {
  "memory.available": { condition: "MemoryPressure", resource: "memory" },
  "nodefs.available": { condition: "DiskPressure", resource: "ephemeral-storage" },
  "nodefs.inodesFree": { condition: "DiskPressure", resource: "inodes" },
  "imagefs.available": { condition: "DiskPressure", resource: "ephemeral-storage" },
  "imagefs.inodesFree": { condition: "DiskPressure", resource: "inodes" },
  "pid.available": { condition: "PIDPressure", resource: "pids" },
};

/** Memory first: it runs out fastest. */
const ORDER: readonly Signal[] = ["memory.available", "pid.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"];

export interface PressureState {
  /** when each threshold was first met in an unbroken row, by "hard/signal" and "soft/signal" */
  readonly metSince: { readonly [threshold: string]: number };
  /** when each condition had a cause last */
  readonly lastCause: { readonly [condition: string]: number };
}

export const NO_PRESSURE: PressureState = { metSince: {}, lastCause: {} };

export interface Starved {
  readonly signal: Signal;
  readonly resource: StarvedResource;
  readonly hard: boolean;
  readonly available: number;
  /** what should be left */
  readonly threshold: number;
}

export interface Verdict {
  readonly state: PressureState;
  readonly conditions: { readonly [C in PressureType]: boolean };
  /** what to free, most urgent first */
  readonly starved: readonly Starved[];
}

export type PressureSettings = Pick<Settings, "evictionHard" | "evictionSoft" | "evictionSoftGrace" | "pressureTransitionMs">;

export function judge(state: PressureState, observations: Observations, settings: PressureSettings, now: number): Verdict {
  const metSince: { [threshold: string]: number } = {};
  const lastCause: { [condition: string]: number } = { ...state.lastCause };
  const starved: Starved[] = [];
  for (const kind of ["hard", "soft"] as const) {
    const thresholds = kind === "hard" ? settings.evictionHard : settings.evictionSoft;
    for (const signal of ORDER) {
      const threshold = thresholds[signal];
      const observed = observations[signal];
      if (threshold === undefined || observed === undefined) continue;
      const least = bound(threshold, observed.capacity);
      if (observed.available >= least) continue;
      const key = `${kind}/${signal}`;
      const since = state.metSince[key] ?? now;
      metSince[key] = since;
      const { condition, resource } = signalFacts[signal];
      lastCause[condition] = now;
      const grace = kind === "hard" ? 0 : (settings.evictionSoftGrace[signal] ?? 0);
      if (now - since >= grace) starved.push({ signal, resource, hard: kind === "hard", available: observed.available, threshold: least });
    }
  }
  const holds = (condition: PressureType) => now - (lastCause[condition] ?? Number.NEGATIVE_INFINITY) < settings.pressureTransitionMs || lastCause[condition] === now;
  return {
    state: { metSince, lastCause },
    conditions: { MemoryPressure: holds("MemoryPressure"), DiskPressure: holds("DiskPressure"), PIDPressure: holds("PIDPressure") },
    starved: starved.toSorted((a, b) => ORDER.indexOf(a.signal) - ORDER.indexOf(b.signal) || Number(b.hard) - Number(a.hard)),
  };
}

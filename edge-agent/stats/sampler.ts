/**
 * Samples of what everything uses, taken when somebody asks, and the rates between two of them. The sample before is the
 * baseline if it is neither too young (a rate over milliseconds is noise) nor too old (it would say nothing of this
 * moment); if there is none, the first who asks waits for a second one. An unobserved device does no work.
 */
import { sleep, type Clock } from "../../core/api/clock.ts";
import type { Log } from "../../core/api/log.ts";
import type { PodUsage, Runtime, Usage } from "../runtimes/runtime.ts";
import type { MachineUsage } from "./machine-usage.ts";

export interface Sample {
  readonly at: number;
  readonly machine: MachineUsage;
  /** of the agent itself */
  readonly agent: Usage;
  readonly pods: readonly PodUsage[];
}

export interface Figures extends Sample {
  /** billionths of a core; `key`: "machine", "agent", pod uid, container id */
  rate(key: string): number | undefined;
  readonly windowMs: number;
}

export interface Sampler {
  look(): Promise<Figures>;
}

/** Answers for those who ask at the same time. */
const FRESH_MS = 1_000;
const SHORTEST_WINDOW_MS = 1_000;
/** A baseline younger than this is kept, so that a second asker does not shorten the window of the first. */
const BASELINE_STAYS_MS = 10_000;
/** The window of a metrics server that asks each minute. */
const LONGEST_WINDOW_MS = 90_000;

export function sampler(parts: { readonly runtimes: readonly Runtime[]; readonly machine: () => Promise<MachineUsage>; readonly agent: () => Usage; readonly clock: Clock; readonly log: Log }): Sampler {
  const { runtimes, clock, log } = parts;
  let baseline: Sample | undefined;
  let next: Sample | undefined;
  let latest: Figures | undefined;
  let going: Promise<Figures> | undefined;

  const take = async (): Promise<Sample> => {
    const lists = runtimes.map(async (runtime) => {
      try {
        return (await runtime.usage?.()) ?? [];
      } catch (error) {
        log.warn({ runtime: runtime.handler, error: String(error) }, "the runtime does not say what its pods use");
        return [];
      }
    });
    const [machine, ...pods] = await Promise.all([parts.machine(), ...lists]);
    return { at: clock.now(), machine, agent: parts.agent(), pods: pods.flat() };
  };
  const usable = (sample: Sample | undefined): sample is Sample => {
    const age = sample === undefined ? Number.POSITIVE_INFINITY : clock.now() - sample.at;
    return age >= SHORTEST_WINDOW_MS && age <= LONGEST_WINDOW_MS;
  };
  const measure = async (): Promise<Figures> => {
    if (next !== undefined && clock.now() - next.at >= BASELINE_STAYS_MS) [baseline, next] = [next, undefined];
    if (!usable(baseline)) {
      baseline = await take();
      await sleep(clock, SHORTEST_WINDOW_MS);
    }
    let sample = await take();
    next ??= sample;
    if (hasNewcomers(baseline, sample)) {
      // whoever looks at a pod that has just started wants to see it
      baseline = sample;
      await sleep(clock, SHORTEST_WINDOW_MS);
      sample = await take();
    }
    const rates = ratesOf(baseline, sample);
    latest = { ...sample, windowMs: sample.at - baseline.at, rate: (key) => rates.get(key) };
    return latest;
  };

  return {
    look() {
      if (latest !== undefined && clock.now() - latest.at < FRESH_MS) return Promise.resolve(latest);
      going ??= measure().finally(() => {
        going = undefined;
      });
      return going;
    },
  };
}

function hasNewcomers(from: Sample, to: Sample): boolean {
  const before = usages(from);
  return to.pods.some(({ containers }) => containers.some(({ id }) => !before.has(id)));
}

function ratesOf(from: Sample, to: Sample): ReadonlyMap<string, number> {
  const before = usages(from);
  const rates = new Map<string, number>();
  for (const [key, { at, cpu }] of usages(to)) {
    const old = before.get(key);
    if (cpu === undefined || old?.cpu === undefined || at <= old.at) continue;
    // a counter that went back began again: its group was made anew
    rates.set(key, Math.max(0, Math.round(((cpu - old.cpu) / (at - old.at)) * 1000)));
  }
  return rates;
}

function usages({ machine, agent, pods }: Sample): Map<string, Usage> {
  const all = pods.flatMap((pod) => [[pod.uid, pod] as const, ...pod.containers.map((container) => [container.id, container] as const)]);
  return new Map<string, Usage>([["machine", machine], ["agent", agent], ...all]);
}

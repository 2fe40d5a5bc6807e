/**
 * The loop against a starving device: measure, judge, first take back what nobody needs (images, dead pods), then end one
 * pod, and look again. One at a time, because what a pod gives back shows only afterwards.
 */
import type { EvictionCause } from "../agent.ts";
import type { Clock } from "../../core/api/clock.ts";
import type { Log } from "../../core/api/log.ts";
import type { Pod } from "../../core/api/types.gen.ts";
import type { EventSink } from "../events.ts";
import type { PodUsage } from "../runtimes/runtime.ts";
import type { Settings } from "../settings.ts";
import type { Meter } from "../stats/meter.ts";
import { hasStorageLimit, storageExcess, type LocalStorage } from "./local-storage.ts";
import { evictionMessage } from "./messages.ts";
import { judge, NO_PRESSURE, type Observations, type PressureType, type Starved, type Verdict } from "./pressure.ts";
import { isCritical, rank, standing } from "./rank.ts";

export interface EvictionParts {
  readonly nodeName: string;
  readonly settings: Settings;
  /** what is left of everything */
  readonly observe: () => Promise<Observations>;
  readonly usage: () => Promise<readonly PodUsage[]>;
  readonly storage: (pod: Pod, usage: PodUsage | undefined) => Promise<LocalStorage>;
  /** pods that run here and do not end already */
  readonly pods: () => readonly Pod[];
  /** ends a pod for good; false: it cannot be ended */
  readonly evict: (uid: string, why: EvictionCause) => boolean;
  /** makes room on the disk; @returns whether there is more now */
  readonly collect: () => Promise<boolean>;
  readonly events: EventSink;
  readonly meter?: Pick<Meter, "count"> | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface EvictionManager {
  /** looks once; called by the loop and by tests */
  look(): Promise<void>;
  conditions(): Verdict["conditions"];
  onChange(listener: () => void): void;
  close(): void;
}

/** kubelet's housekeeping interval */
const LOOK_MS = 10_000;

export function evictionManager(parts: EvictionParts): EvictionManager {
  const { nodeName, settings, events, clock, log } = parts;
  const listeners: (() => void)[] = [];
  let state = NO_PRESSURE;
  let conditions: Verdict["conditions"] = { MemoryPressure: false, DiskPressure: false, PIDPressure: false };
  let cancel: (() => void) | undefined;
  let closed = false;

  const observe = async (): Promise<Verdict> => {
    const verdict = judge(state, await parts.observe(), settings, clock.now());
    state = verdict.state;
    const changed = (Object.keys(conditions) as PressureType[]).some((condition) => conditions[condition] !== verdict.conditions[condition]);
    conditions = verdict.conditions;
    if (changed) for (const listener of listeners) listener();
    return verdict;
  };

  const evictOne = async (starved: Starved): Promise<void> => {
    const usage = new Map((await parts.usage()).map((each) => [each.uid, each]));
    const pods = parts.pods();
    const standings = await Promise.all(
      pods.map(async (pod) => {
        const own = usage.get(pod.metadata.uid ?? "");
        return standing(pod, own, starved.resource === "ephemeral-storage" ? await parts.storage(pod, own) : undefined, starved.resource);
      }),
    );
    for (const victim of rank(standings)) {
      const message = evictionMessage(starved, victim);
      const graceSeconds = starved.hard ? 0 : Math.min(settings.evictionMaxPodGraceSeconds, victim.pod.spec?.terminationGracePeriodSeconds ?? 0);
      if (!end(victim.pod, { message, graceSeconds, signal: starved.signal })) continue;
      log.warn({ pod: `${victim.pod.metadata.namespace}/${victim.pod.metadata.name}`, signal: starved.signal }, "evicted a pod");
      return;
    }
    log.error({ signal: starved.signal }, "the device is starving and no pod can be evicted");
  };

  const end = (pod: Pod, { signal, message, graceSeconds, ownFault = false }: EvictionCause & { readonly signal: string }): boolean => {
    if (!parts.evict(pod.metadata.uid ?? "", { message, graceSeconds, ownFault })) return false;
    events.pod(pod, { type: "Warning", reason: "Evicted", message });
    parts.meter?.count("kubelet_evictions", { eviction_signal: signal });
    return true;
  };

  const enforceStorage = async (): Promise<void> => {
    const limited = parts.pods().filter((pod) => hasStorageLimit(pod) && !isCritical(pod));
    if (limited.length === 0) return;
    const usage = new Map((await parts.usage()).map((each) => [each.uid, each]));
    for (const pod of limited) {
      const excess = storageExcess(pod, await parts.storage(pod, usage.get(pod.metadata.uid ?? "")));
      if (excess !== undefined) end(pod, { ...excess, graceSeconds: 0, ownFault: true });
    }
  };

  const look = async (): Promise<void> => {
    await enforceStorage();
    const verdict = await observe();
    let [first] = verdict.starved;
    if (first === undefined) return;
    events.node(nodeName, { type: "Warning", reason: "EvictionThresholdMet", message: `Attempting to reclaim ${first.resource}` });
    if ((first.resource === "ephemeral-storage" || first.resource === "inodes") && (await parts.collect())) [first] = (await observe()).starved;
    if (first !== undefined) await evictOne(first);
  };
  const loop = () => {
    if (closed) return;
    cancel = clock.after(LOOK_MS, () => {
      look()
        .catch((error: unknown) => log.warn({ error: String(error) }, "the device's resources could not be looked at"))
        .finally(loop);
    });
  };
  loop();

  return {
    look,
    conditions: () => conditions,
    onChange: (listener) => void listeners.push(listener),
    close() {
      closed = true;
      cancel?.();
    },
  };
}

/**
 * Runs the probes of all pods of the device: one worker per probe of a running container, which tries, waits a period and
 * tries again. Results belong to a container id, so a restarted container begins anew. What a result means (not ready,
 * kill it) is the plan's and the status' affair; the prober only says when a result has changed.
 */
import type { Clock } from "../../core/api/clock.ts";
import type { Container, Pod, Probe } from "../../core/api/types.gen.ts";
import type { PlannedEvent } from "../planning/draft.ts";
import { isSidecar } from "../restart-policy.ts";
import type { Meter } from "../stats/meter.ts";
import type { RunningContainer, RunningPod, Runtime } from "../runtimes/runtime.ts";
import { extendStreak, verdict, type Outcome, type Streak } from "./outcome.ts";
import { tryProbe } from "./try-probe.ts";

/** What the probes say of one running container; probes that it does not have say yes. */
export interface ProbeResult {
  readonly started: boolean;
  readonly ready: boolean;
  /** it has to be restarted */
  readonly failed?: { readonly probe: "liveness" | "startup"; readonly graceSeconds: number | undefined } | undefined;
}

/** By container id. */
export type ProbeResults = ReadonlyMap<string, ProbeResult>;

export interface ProbedPod {
  readonly pod: Pod;
  readonly running: RunningPod;
  readonly runtime: Runtime;
  /** the pod ends: only readiness matters */
  readonly ending: boolean;
}

export interface Prober {
  /** starts and stops workers; results of new containers hold at once */
  follow(uid: string, probed: ProbedPod | undefined): ProbeResults;
  close(): void;
}

export interface ProberOptions {
  readonly clock: Clock;
  readonly hostIPs: () => readonly string[];
  readonly tell: (pod: Pod, event: PlannedEvent) => void;
  readonly onChange: (uid: string) => void;
  readonly meter?: Meter | undefined;
}

type ProbeType = "startup" | "liveness" | "readiness";

const FIELDS = { startup: "startupProbe", liveness: "livenessProbe", readiness: "readinessProbe" } as const;
const TITLES = { startup: "Startup", liveness: "Liveness", readiness: "Readiness" } as const;
/** As they are counted: a warning is a success that has something to say. */
const RESULTS = { success: "successful", warning: "successful", failure: "failed", unknown: "unknown" } as const;
/** API defaults */
const DEFAULTS = { periodSeconds: 10, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3 } as const;
/** A program that has just begun does not listen yet: asked at once, nearly each would be told to be unhealthy. */
const FIRST_MS = 1_000;
const NO_RESULTS: ProbeResults = new Map();

interface Worker {
  /** the container was there before this agent, and has not been asked yet: what was said of it holds */
  undecided: boolean;
  streak: Streak | undefined;
  result: boolean;
  cancelTimer: () => void;
  stop: () => void;
}

interface Probed {
  latest: ProbedPod;
  readonly workers: Map<string, Worker>;
}

export function prober({ clock, hostIPs, tell, onChange, meter }: ProberOptions): Prober {
  const pods = new Map<string, Probed>();
  const since = clock.now();

  const startWorker = (uid: string, probed: Probed, container: Container, found: RunningContainer, type: ProbeType, probe: Probe): Worker => {
    const ending = new AbortController();
    const worker: Worker = {
      streak: undefined,
      undecided: type !== "liveness" && (found.startedAt ?? found.createdAt) < since,
      result: type === "liveness",
      cancelTimer: () => {},
      stop() {
        ending.abort();
        worker.cancelTimer();
      },
    };
    const settings = { ...DEFAULTS, ...probe };
    const later = (ms: number) => {
      worker.cancelTimer = clock.after(ms, () => void round());
    };
    const round = async () => {
      const { pod, running, runtime } = probed.latest;
      const limit = new AbortController();
      const cancelLimit = clock.after(settings.timeoutSeconds * 1000, () => limit.abort());
      const began = clock.monotonic();
      const asleep = running.containers.some(({ id, asleep: sleeps }) => id === found.id && sleeps === true);
      const outcome: Outcome = asleep ? { result: "success", output: "" } : await tryProbe({
        probe, container, containerId: found.id, runtime, timeoutSeconds: settings.timeoutSeconds,
        ip: (pod.spec?.hostNetwork === true ? hostIPs()[0] : running.ips[0]) ?? "",
        signal: AbortSignal.any([limit.signal, ending.signal]),
      });
      cancelLimit();
      if (ending.signal.aborted) return;
      measure(pod, container, type, outcome, (clock.monotonic() - began) / 1000);
      announce(pod, container, type, outcome);
      worker.streak = extendStreak(worker.streak, outcome);
      const said = verdict(worker.streak, settings);
      const changed = worker.undecided || (said !== undefined && said !== worker.result) || (said === false && type === "startup");
      // the first answer of a container that is known already decides
      worker.result = worker.undecided && outcome.result !== "unknown" ? outcome.result !== "failure" : (said ?? worker.result);
      if (outcome.result !== "unknown") worker.undecided = false;
      // a container that has to be restarted is not asked again, one that has started not whether it has
      if ((said === false && type !== "readiness") || (worker.result && type === "startup")) ending.abort();
      else later(Math.max(0, settings.periodSeconds * 1000 - (clock.monotonic() - began)));
      if (changed) onChange(uid);
    };
    const age = clock.now() - (found.startedAt ?? found.createdAt);
    later(Math.max(0, Math.max((settings.initialDelaySeconds ?? 0) * 1000, worker.undecided ? 0 : FIRST_MS) - age));
    return worker;
  };

  const measure = ({ metadata: { namespace = "", name = "", uid = "" } }: Pod, container: Container, type: ProbeType, { result }: Outcome, seconds: number) => {
    const labels = { container: container.name, namespace, pod: name, probe_type: TITLES[type] };
    meter?.count("prober_probe_total", { ...labels, pod_uid: uid, result: RESULTS[result] });
    meter?.observe("prober_probe_duration_seconds", seconds, labels);
  };

  const announce = (pod: Pod, container: Container, type: ProbeType, { result, output }: Outcome) => {
    if (result === "success") return;
    const [reason, what] = result === "warning" ? ["ProbeWarning", "warning"] : ["Unhealthy", result === "unknown" ? "errored and resulted in unknown state" : "failed"];
    tell(pod, { type: "Warning", reason: reason ?? "", message: `${TITLES[type]} probe ${what}: ${output}`, container: container.name });
  };

  const followPod = (uid: string, probed: Probed): ProbeResults => {
    const { pod, running, ending } = probed.latest;
    const wanted = new Set<string>();
    const results = new Map<string, ProbeResult>();
    const workerOf = (container: Container, found: RunningContainer, type: ProbeType): Worker | undefined => {
      const probe = container[FIELDS[type]];
      if (probe === undefined) return undefined;
      const key = `${found.id}/${type}`;
      wanted.add(key);
      const worker = probed.workers.get(key) ?? startWorker(uid, probed, container, found, type, probe);
      probed.workers.set(key, worker);
      return worker;
    };
    for (const container of probedContainers(pod)) {
      const found = running.containers.find(({ name, state }) => name === container.name && state === "running");
      if (found === undefined) continue;
      const startup = ending ? undefined : workerOf(container, found, "startup");
      const passed = ending || startup === undefined || startup.result;
      const started = passed || startup?.undecided === true;
      const liveness = passed && !ending ? workerOf(container, found, "liveness") : undefined;
      const readiness = started ? workerOf(container, found, "readiness") : undefined;
      const ready = container.readinessProbe === undefined || readiness?.result === true || readiness?.undecided === true;
      results.set(found.id, { started, ready: started && ready, failed: failureOf(container, startup, liveness) });
    }
    for (const [key, worker] of probed.workers) {
      if (wanted.has(key)) continue;
      worker.stop();
      probed.workers.delete(key);
    }
    return results;
  };

  return {
    follow(uid, latest) {
      const known = pods.get(uid);
      if (latest === undefined || !probedContainers(latest.pod).some(hasProbe)) {
        for (const worker of known?.workers.values() ?? []) worker.stop();
        pods.delete(uid);
        const { namespace = "", name = "" } = known?.latest.pod.metadata ?? {};
        if (known !== undefined) meter?.forget({ namespace, pod: name });
        return NO_RESULTS;
      }
      const probed = known ?? { latest, workers: new Map() };
      probed.latest = latest;
      pods.set(uid, probed);
      return followPod(uid, probed);
    },
    close() {
      for (const { workers } of pods.values()) for (const worker of workers.values()) worker.stop();
      pods.clear();
    },
  };
}

function failureOf(container: Container, startup: Worker | undefined, liveness: Worker | undefined): ProbeResult["failed"] {
  if (liveness?.result === false) return { probe: "liveness", graceSeconds: container.livenessProbe?.terminationGracePeriodSeconds };
  const thresholds = { ...DEFAULTS, ...container.startupProbe };
  if (startup !== undefined && verdict(startup.streak, thresholds) === false) return { probe: "startup", graceSeconds: container.startupProbe?.terminationGracePeriodSeconds };
  return undefined;
}

/** Ordinary init containers end; nobody waits for them to become ready. */
function probedContainers(pod: Pod): readonly Container[] {
  return [...(pod.spec?.initContainers ?? []).filter(isSidecar), ...(pod.spec?.containers ?? [])];
}

function hasProbe({ startupProbe, livenessProbe, readinessProbe }: Container): boolean {
  return startupProbe !== undefined || livenessProbe !== undefined || readinessProbe !== undefined;
}

/** Pod conditions with the reasons and messages that kubelet users and their tools know. */
import { timestamp } from "../../core/api/clock.ts";
import type { ContainerStatus, Pod, PodCondition } from "../../core/api/types.gen.ts";
import type { PodMemory } from "../memory.ts";
import { isSidecar } from "../restart-policy.ts";
import type { PodPhase } from "./phase.ts";

export interface ConditionInput {
  readonly pod: Pod;
  /** of the pod that they speak of */
  readonly generation: number | undefined;
  readonly phase: PodPhase;
  readonly init: readonly ContainerStatus[];
  readonly main: readonly ContainerStatus[];
  readonly sandboxReady: boolean;
  readonly memory: PodMemory;
  readonly previous: readonly PodCondition[];
  readonly now: number;
}

type Verdict = { readonly status: "True" | "False"; readonly reason?: string; readonly message?: string };

const yes: Verdict = { status: "True" };

export function conditionsOf(input: ConditionInput): PodCondition[] {
  const containers = containersReady(input);
  const verdicts: { readonly [type: string]: Verdict } = {
    PodReadyToStartContainers: { status: input.sandboxReady ? "True" : "False" },
    Initialized: initialized(input),
    Ready: ready(input, containers),
    ContainersReady: containers,
    PodScheduled: yes,
    ...passing(input.memory),
  };
  // those of others are theirs to report
  return Object.entries(verdicts).map(([type, verdict]) => condition(input, type, verdict));
}

/** Conditions that are there only while there is something to say. */
function passing({ rerun, resize, resizeTrouble, ending }: PodMemory): { readonly [type: string]: Verdict } {
  return {
    ...(ending?.cause === "evicted" && ending.ownFault !== true ? { DisruptionTarget: { status: "True", reason: "TerminationByKubelet", message: ending.message ?? "" } } : {}),
    ...(rerun === undefined ? {} : { AllContainersRestarting: { status: rerun.done ? "False" : "True" } }),
    ...(resize?.pending === undefined ? {} : { PodResizePending: { status: "True", ...resize.pending } }),
    ...(resize === undefined || resize.pending !== undefined ? {} : { PodResizeInProgress: resizeTrouble === undefined ? yes : { status: "True", reason: resizeTrouble.reason, message: resizeTrouble.message } }),
  };
}

function condition({ generation, previous, now }: ConditionInput, type: string, verdict: Verdict): PodCondition {
  const before = previous.find((each) => each.type === type);
  const lastTransitionTime = before?.status === verdict.status ? (before.lastTransitionTime ?? timestamp(now)) : timestamp(now);
  return { type, ...(generation === undefined ? {} : { observedGeneration: generation }), ...verdict, lastProbeTime: null, lastTransitionTime };
}

function initialized({ pod, phase, init, main }: ConditionInput): Verdict {
  if (phase === "Succeeded") return { status: "True", reason: "PodCompleted" };
  const begun = main.some(({ state, lastState }) => state?.running !== undefined || state?.terminated !== undefined || lastState?.terminated !== undefined);
  if (begun) return yes;
  const sidecars = new Set((pod.spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const missing = init.filter(({ name, ready: isReady, started }) => (sidecars.has(name) ? started !== true : !isReady)).map(({ name }) => name);
  if (missing.length === 0) return yes;
  return { status: "False", reason: "ContainersNotInitialized", message: `containers with incomplete status: [${missing.join(" ")}]` };
}

function containersReady({ pod, phase, init, main }: ConditionInput): Verdict {
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  const sidecars = new Set((pod.spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const unready = [...init.filter(({ name }) => sidecars.has(name)), ...main].filter(({ ready: isReady }) => !isReady).map(({ name }) => name);
  if (unready.length === 0) return yes;
  return { status: "False", reason: "ContainersNotReady", message: `containers with unready status: [${unready.join(" ")}]` };
}

function ready({ pod }: ConditionInput, containers: Verdict): Verdict {
  if (containers.status !== "True") return containers;
  const lacking = (pod.spec?.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = pod.status?.conditions?.find(({ type }) => type === conditionType);
    if (gate === undefined) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    return gate.status === "True" ? [] : [`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`];
  });
  return lacking.length === 0 ? yes : { status: "False", reason: "ReadinessGatesNotReady", message: lacking.join(", ") };
}

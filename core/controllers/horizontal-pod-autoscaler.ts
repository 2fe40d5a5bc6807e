/**
 * HorizontalPodAutoscaler: reads metrics, asks autoscaler-decision, writes the target's scale. Metrics are handed in;
 * resource and container-resource metrics are understood, the others need a metrics adapter and say so.
 */
import type { Resource } from "../api/client.ts";
import { timestamp } from "../api/clock.ts";
import { sameJson } from "../api/json.ts";
import type { KubeObject } from "../api/meta.ts";
import { parseApiVersion } from "../api/meta.ts";
import { milliValue, parseQuantity } from "../api/quantity.ts";
import { HORIZONTAL_POD_AUTOSCALERS, PODS } from "../api/resources.gen.ts";
import { matchesLabels, parseSelector } from "../api/selector.ts";
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition, HorizontalPodAutoscalerStatus, MetricSpec, MetricStatus, Pod } from "../api/types.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import { limit, propose } from "./autoscaler-decision.ts";
import type { Past } from "./autoscaler-decision.ts";
import { withCondition } from "./conditions.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";
import { present } from "./json.ts";

/** What containers use at this moment; undefined when nothing is known of the pod. */
export interface PodMetrics {
  /** thousandths of the resource's unit, by container */
  usage(namespace: string, pod: string, resource: string): ReadonlyMap<string, number> | undefined;
}

const PERIOD_MS = 15_000;
/** Recommendations and changes are remembered as long as the longest stabilisation window the API allows. */
const MEMORY_MS = 3_600_000;

interface Scale extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number; readonly selector?: string };
}
/** a failed step, as the conditions tell it */
class Refused extends Error {
  readonly type: "AbleToScale" | "ScalingActive";
  readonly reason: string;
  constructor(type: "AbleToScale" | "ScalingActive", reason: string, message: string) {
    super(message);
    this.type = type;
    this.reason = reason;
  }
}
const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

export function horizontalPodAutoscaler(deps: ControllerDeps, metrics: PodMetrics): Controller {
  const { client, events } = actor(deps, "horizontal-pod-autoscaler");
  const autoscalers = deps.informers.of(HORIZONTAL_POD_AUTOSCALERS);
  const pods = deps.informers.of(PODS);
  const memory = new Map<string, Past>();
  /** when the next run is due, by key; of an autoscaler of this uid */
  const due = new Map<string, { readonly uid: string; readonly at: number }>();

  async function scaleOf(autoscaler: HorizontalPodAutoscaler): Promise<{ readonly scale: Scale; readonly resource: Resource<Scale>; readonly name: string }> {
    const { apiVersion = "v1", kind = "", name = "" } = autoscaler.spec?.scaleTargetRef ?? {};
    const { group, version } = parseApiVersion(apiVersion);
    const row = deps.kinds.byKind(group, version, kind);
    try {
      if (row === undefined) throw new Error(`no matches for kind "${kind}" in group "${group}"`);
      const resource: Resource<Scale> = { group, version, plural: row.plural };
      const scale = await client.get(resource, { namespace: autoscaler.metadata.namespace, name, subresource: "scale" });
      return { scale, resource, name };
    } catch (error) {
      events.record(autoscaler, "Warning", "FailedGetScale", textOf(error));
      throw new Refused("AbleToScale", "FailedGetScale", `the HPA controller was unable to get the target's current scale: ${textOf(error)}`);
    }
  }

  function measure(metric: MetricSpec, members: readonly Pod[], current: number): { readonly replicas: number; readonly status: MetricStatus } {
    const source = metric.type === "Resource" ? metric.resource : metric.type === "ContainerResource" ? metric.containerResource : undefined;
    if (source === undefined) throw new Refused("ScalingActive", "InvalidMetricSourceType", `metrics of type "${metric.type}" need a metrics adapter`);
    const container = metric.containerResource?.container;
    const chosen = (name: string) => container === undefined || name === container;
    const usage = new Map<string, number>();
    for (const { metadata } of members) {
      const found = metrics.usage(metadata.namespace ?? "", metadata.name ?? "", source.name);
      if (found !== undefined) usage.set(metadata.name ?? "", [...found].filter(([name]) => chosen(name)).reduce((sum, [, amount]) => sum + amount, 0));
    }
    const request = (pod: Pod): number | undefined => {
      let sum = 0;
      for (const { name, resources } of pod.spec?.containers ?? []) {
        const text = chosen(name) ? resources?.requests?.[source.name] : "0";
        if (text === undefined) return undefined;
        sum += milliValue(parseQuantity(text));
      }
      return sum;
    };
    const { averageUtilization, averageValue } = source.target;
    const target = averageUtilization === undefined ? { average: milliValue(parseQuantity(averageValue ?? "0")) } : { utilization: averageUtilization };
    const proposal = propose(members, current, { usage, request }, target);
    if (proposal === undefined) {
      throw new Refused("ScalingActive", "FailedGetResourceMetric", `the HPA was unable to compute the replica count: failed to get ${source.name} utilization: no metrics, or no ${source.name} request, of ready pods`);
    }
    const measured = averageUtilization === undefined ? { averageValue: `${proposal.average}m` } : { averageUtilization: proposal.average };
    const status: MetricStatus =
      container === undefined
        ? { type: "Resource", resource: { name: source.name, current: measured } }
        : { type: "ContainerResource", containerResource: { name: source.name, container, current: measured } };
    return { replicas: proposal.replicas, status };
  }

  async function writeStatus(autoscaler: HorizontalPodAutoscaler, status: HorizontalPodAutoscalerStatus): Promise<void> {
    if (sameJson(status, autoscaler.status)) return;
    const { namespace, name = "" } = autoscaler.metadata;
    await client.update(HORIZONTAL_POD_AUTOSCALERS, { namespace, name, subresource: "status" }, { ...autoscaler, status });
  }

  async function run(autoscaler: HorizontalPodAutoscaler, now: number): Promise<HorizontalPodAutoscalerStatus> {
    const at = timestamp(now);
    let conditions: readonly HorizontalPodAutoscalerCondition[] = autoscaler.status?.conditions ?? [];
    const note = (type: string, status: "True" | "False", reason: string, message: string) => {
      conditions = withCondition(conditions, { type, status, reason, message, lastTransitionTime: at });
    };
    const base = { ...present({ observedGeneration: autoscaler.metadata.generation, lastScaleTime: autoscaler.status?.lastScaleTime }) };
    const before = { desiredReplicas: autoscaler.status?.desiredReplicas ?? 0, currentMetrics: autoscaler.status?.currentMetrics ?? null };
    try {
      const { scale, resource, name } = await scaleOf(autoscaler);
      const current = scale.spec?.replicas ?? 0;
      note("AbleToScale", "True", "SucceededGetScale", "the HPA controller was able to get the target's current scale");
      if (current === 0 && autoscaler.spec?.minReplicas !== 0) {
        note("ScalingActive", "False", "ScalingDisabled", "scaling is disabled since the replica count of the target is zero");
        return { ...base, ...before, currentReplicas: 0, desiredReplicas: 0, conditions };
      }
      const selector = parseSelector(scale.status?.selector ?? "");
      const members = pods.list(autoscaler.metadata.namespace).filter(({ metadata }) => matchesLabels(selector, metadata.labels));
      const measured = (autoscaler.spec?.metrics ?? []).map((metric) => measure(metric, members, current));
      note("ScalingActive", "True", "ValidMetricFound", "the HPA was able to successfully calculate a replica count");
      const proposed = Math.max(0, ...measured.map(({ replicas }) => replicas));
      const past = memory.get(autoscaler.metadata.uid ?? "") ?? { recommendations: [], changes: [] };
      const limited = limit(autoscaler, current, proposed, past, now);
      const recent = <E extends { readonly at: number }>(list: readonly E[]) => list.filter((each) => each.at > now - MEMORY_MS);
      const changed = limited.replicas !== current;
      memory.set(autoscaler.metadata.uid ?? "", {
        recommendations: [...recent(past.recommendations), { at: now, replicas: proposed }],
        changes: changed ? [...recent(past.changes), { at: now, by: limited.replicas - current }] : recent(past.changes),
      });
      note("ScalingLimited", limited.reason === "DesiredWithinRange" ? "False" : "True", limited.reason, limited.message);
      if (changed) {
        await client.update(resource, { namespace: autoscaler.metadata.namespace, name, subresource: "scale" }, { ...scale, spec: { ...scale.spec, replicas: limited.replicas } });
        events.record(autoscaler, "Normal", "SuccessfulRescale", `New size: ${limited.replicas}; reason: ${limited.replicas > current ? "metrics above target" : "All metrics below target"}`);
        note("AbleToScale", "True", "SucceededRescale", `the HPA controller was able to update the target scale to ${limited.replicas}`);
      } else note("AbleToScale", "True", limited.stabilized, limited.stabilized === "ReadyForNewScale" ? "recommended size matches current size" : "recent recommendations were different, applying the stabilized one");
      return {
        ...base,
        ...(changed ? { lastScaleTime: at } : {}),
        currentReplicas: current,
        desiredReplicas: limited.replicas,
        currentMetrics: measured.map(({ status }) => status),
        conditions,
      };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.type === "ScalingActive") events.record(autoscaler, "Warning", error.reason, error.message);
      note(error.type, "False", error.reason, error.message);
      return { ...base, ...before, ...present({ currentReplicas: autoscaler.status?.currentReplicas }), conditions };
    }
  }

  return {
    name: "horizontal-pod-autoscaler",
    watches: [watching(autoscalers, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]), watching(pods, () => [])],
    // once in each period and for the first time after one, whatever events come: a target that is made with its
    // autoscaler has had the time to start
    async reconcile(key) {
      const autoscaler = autoscalers.get(key);
      const planned = due.get(key);
      const uid = autoscaler?.metadata.uid ?? "";
      if (planned !== undefined && planned.uid !== uid) {
        memory.delete(planned.uid);
        due.delete(key);
      }
      if (autoscaler === undefined) return undefined;
      const now = deps.clock.now();
      if (planned?.uid !== uid || planned.at > now) {
        const at = planned?.uid === uid ? planned.at : now + PERIOD_MS;
        due.set(key, { uid, at });
        return { afterMs: at - now };
      }
      due.set(key, { uid, at: now + PERIOD_MS });
      await writeStatus(autoscaler, await run(autoscaler, now));
      return { afterMs: PERIOD_MS };
    },
  };
}

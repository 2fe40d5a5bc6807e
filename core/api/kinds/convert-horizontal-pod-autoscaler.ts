/**
 * autoscaling/v1 knows one metric, the CPU in percent; whatever else autoscaling/v2 says travels in annotations, so that a
 * v1 client that reads and writes an autoscaler loses nothing. Names of the annotations and the form of the metrics in them:
 * autoscaling/v1 API types (k8s.io/api/autoscaling/v1).
 */
import { isObject, type JsonObject } from "../json.ts";
import type { KindHooks } from "../kinds.ts";
import type { AnyObject, ObjectMeta } from "../meta.ts";
import { fieldsOf, measured, targets, toV1, toV2 } from "./autoscaling-v1-metrics.ts";
import { internalForm } from "./validate/internal-form.ts";

const annotation = {
  metrics: "autoscaling.alpha.kubernetes.io/metrics",
  currentMetrics: "autoscaling.alpha.kubernetes.io/current-metrics",
  conditions: "autoscaling.alpha.kubernetes.io/conditions",
  behavior: "autoscaling.alpha.kubernetes.io/behavior",
} as const;

export const horizontalPodAutoscalerConversion: KindHooks = { toStored, fromStored };

function fromStored(object: AnyObject): AnyObject {
  const { metrics, behavior, ...spec } = fieldsOf(object["spec"]);
  const { currentMetrics, conditions, ...status } = fieldsOf(object["status"]);
  const cpuTarget = listOf(metrics).find((metric) => cpuPercent(metric, "target") !== undefined);
  const cpuMeasured = listOf(currentMetrics).findLast((metric) => cpuPercent(metric, "current") !== undefined);
  const kept = {
    [annotation.metrics]: listOf(metrics).flatMap((metric) => (cpuPercent(metric, "target") === undefined ? [toV1(metric, targets)] : [])),
    // the CPU in percent among them: its average value has no field in v1
    [annotation.currentMetrics]: listOf(currentMetrics).map((metric) => toV1(metric, measured)),
    [annotation.conditions]: listOf(conditions),
    [annotation.behavior]: isObject(behavior) ? internalForm("HorizontalPodAutoscalerBehavior", behavior) : [],
  };
  const annotations = Object.entries(kept).flatMap(([name, value]) =>
    Array.isArray(value) && value.length === 0 ? [] : [[name, JSON.stringify(value)] as const],
  );
  return {
    ...object,
    apiVersion: "autoscaling/v1",
    metadata: withAnnotations(object.metadata, Object.fromEntries(annotations)),
    spec: { ...spec, ...optional("targetCPUUtilizationPercentage", cpuPercent(cpuTarget, "target")) },
    status: {
      currentReplicas: 0,
      desiredReplicas: 0,
      ...status,
      ...optional("currentCPUUtilizationPercentage", cpuPercent(cpuMeasured, "current")),
    },
  };
}

function toStored(object: AnyObject): AnyObject {
  const { targetCPUUtilizationPercentage, ...spec } = fieldsOf(object["spec"]);
  const { currentCPUUtilizationPercentage, ...status } = fieldsOf(object["status"]);
  const kept = (name: string): unknown => parsed(object.metadata.annotations?.[name]);
  const metrics = [
    ...listOf(kept(annotation.metrics)).map((metric) => toV2(metric, targets)),
    ...cpu("target", targetCPUUtilizationPercentage),
  ];
  const keptMetrics = kept(annotation.currentMetrics);
  // the annotation says more than the field
  const currentMetrics = Array.isArray(keptMetrics) ? listOf(keptMetrics).map((metric) => toV2(metric, measured)) : cpu("current", currentCPUUtilizationPercentage);
  const conditions = kept(annotation.conditions);
  const behavior = fromInternal(kept(annotation.behavior));
  const { currentReplicas, ...rest } = status;
  return {
    ...object,
    apiVersion: "autoscaling/v2",
    metadata: withAnnotations(object.metadata, {}),
    spec: { ...spec, ...(metrics.length === 0 ? {} : { metrics }), ...(isObject(behavior) && Object.keys(behavior).length > 0 ? { behavior } : {}) },
    status: {
      // v2 leaves it out while it is 0
      ...(currentReplicas === undefined || currentReplicas === 0 ? {} : { currentReplicas }),
      desiredReplicas: 0,
      ...rest,
      currentMetrics: currentMetrics.length === 0 ? null : currentMetrics,
      ...(Array.isArray(conditions) ? { conditions } : {}),
    },
  };
}

/** The percentage of a CPU metric; v1 has a field for it. */
function cpuPercent(metric: JsonObject | undefined, part: "target" | "current"): unknown {
  const resource = fieldsOf(metric?.["resource"]);
  return metric?.["type"] === "Resource" && resource["name"] === "cpu" ? fieldsOf(resource[part])["averageUtilization"] : undefined;
}

function cpu(part: "target" | "current", percent: unknown): readonly JsonObject[] {
  if (percent === undefined || percent === null) return [];
  const value = { ...(part === "target" ? { type: "Utilization" } : {}), averageUtilization: percent };
  return [{ type: "Resource", resource: { name: "cpu", [part]: value } }];
}

/** From the names of Go's fields, which this annotation has, to those of the API; Go reads either. */
function fromInternal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromInternal);
  if (!isObject(value)) return value;
  const fields = Object.entries(value).filter(([, inside]) => inside !== null);
  return Object.fromEntries(fields.map(([name, inside]) => [name.charAt(0).toLowerCase() + name.slice(1), fromInternal(inside)]));
}

/** The metadata with exactly these of the annotations above. */
function withAnnotations(metadata: ObjectMeta, kept: { readonly [name: string]: string }): ObjectMeta {
  const ours: readonly string[] = Object.values(annotation);
  const { annotations: before = {}, ...rest } = metadata;
  const others = Object.entries(before).filter(([name]) => !ours.includes(name));
  const annotations = Object.fromEntries([...others, ...Object.entries(kept)].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return Object.keys(annotations).length === 0 ? rest : { ...rest, annotations };
}

/** What a user wrote into an annotation may be no JSON at all; then it says nothing. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const listOf = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);
const optional = (name: string, value: unknown) => (value === undefined ? {} : { [name]: value });

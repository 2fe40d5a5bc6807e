/**
 * autoscaling/v1 knows one metric, the CPU in percent; whatever else autoscaling/v2 says travels in annotations, so that a
 * v1 client that reads and writes an autoscaler loses nothing. Names of the annotations and the form of the metrics in them:
 * autoscaling/v1 API types (k8s.io/api/autoscaling/v1).
 */
import { isObject } from "../json.ts";
import type { KindHooks } from "../kinds.ts";
import type { AnyObject, ObjectMeta } from "../meta.ts";
import type { JsonObject } from "../json.ts";

const annotation = {
  metrics: "autoscaling.alpha.kubernetes.io/metrics",
  currentMetrics: "autoscaling.alpha.kubernetes.io/current-metrics",
  conditions: "autoscaling.alpha.kubernetes.io/conditions",
  behavior: "autoscaling.alpha.kubernetes.io/behavior",
} as const;

export const horizontalPodAutoscalerConversion: KindHooks = { toStored, fromStored };

/** v1 name ← path in a metric of v2, for targets ("spec.metrics") and for measured values ("status.currentMetrics"). */
interface MetricForm {
  readonly [type: string]: { readonly [v1: string]: readonly string[] };
}

const targets: MetricForm = {
  object: {
    target: ["describedObject"],
    metricName: ["metric", "name"],
    selector: ["metric", "selector"],
    targetValue: ["target", "value"],
    averageValue: ["target", "averageValue"],
  },
  pods: { metricName: ["metric", "name"], selector: ["metric", "selector"], targetAverageValue: ["target", "averageValue"] },
  resource: {
    name: ["name"],
    targetAverageUtilization: ["target", "averageUtilization"],
    targetAverageValue: ["target", "averageValue"],
  },
  containerResource: {
    name: ["name"],
    targetAverageUtilization: ["target", "averageUtilization"],
    targetAverageValue: ["target", "averageValue"],
    container: ["container"],
  },
  external: {
    metricName: ["metric", "name"],
    metricSelector: ["metric", "selector"],
    targetValue: ["target", "value"],
    targetAverageValue: ["target", "averageValue"],
  },
};

const measured: MetricForm = {
  object: {
    target: ["describedObject"],
    metricName: ["metric", "name"],
    selector: ["metric", "selector"],
    currentValue: ["current", "value"],
    averageValue: ["current", "averageValue"],
  },
  pods: { metricName: ["metric", "name"], selector: ["metric", "selector"], currentAverageValue: ["current", "averageValue"] },
  resource: {
    name: ["name"],
    currentAverageUtilization: ["current", "averageUtilization"],
    currentAverageValue: ["current", "averageValue"],
  },
  containerResource: {
    name: ["name"],
    currentAverageUtilization: ["current", "averageUtilization"],
    currentAverageValue: ["current", "averageValue"],
    container: ["container"],
  },
  external: {
    metricName: ["metric", "name"],
    metricSelector: ["metric", "selector"],
    currentValue: ["current", "value"],
    currentAverageValue: ["current", "averageValue"],
  },
};

function fromStored(object: AnyObject): AnyObject {
  const { metrics, behavior, ...spec } = fieldsOf(object["spec"]);
  const { currentMetrics, conditions, ...status } = fieldsOf(object["status"]);
  const cpuTarget = take(listOf(metrics), "target");
  const cpuMeasured = take(listOf(currentMetrics), "current");
  const kept = {
    [annotation.metrics]: cpuTarget.others.map((metric) => toV1(metric, targets)),
    [annotation.currentMetrics]: cpuMeasured.others.map((metric) => toV1(metric, measured)),
    [annotation.conditions]: listOf(conditions),
    [annotation.behavior]: behavior === undefined ? [] : behavior,
  };
  const annotations = Object.entries(kept).flatMap(([name, value]) =>
    Array.isArray(value) && value.length === 0 ? [] : [[name, JSON.stringify(value)] as const],
  );
  return {
    ...object,
    apiVersion: "autoscaling/v1",
    metadata: withAnnotations(object.metadata, Object.fromEntries(annotations)),
    spec: { ...spec, ...optional("targetCPUUtilizationPercentage", cpuTarget.percent) },
    status: {
      currentReplicas: 0,
      desiredReplicas: 0,
      ...status,
      ...optional("currentCPUUtilizationPercentage", cpuMeasured.percent),
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
  const currentMetrics = [
    ...listOf(kept(annotation.currentMetrics)).map((metric) => toV2(metric, measured)),
    ...cpu("current", currentCPUUtilizationPercentage),
  ];
  const conditions = kept(annotation.conditions);
  const behavior = kept(annotation.behavior);
  const { currentReplicas, ...rest } = status;
  return {
    ...object,
    apiVersion: "autoscaling/v2",
    metadata: withAnnotations(object.metadata, {}),
    spec: { ...spec, ...(metrics.length === 0 ? {} : { metrics }), ...(isObject(behavior) ? { behavior } : {}) },
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

/** The first CPU metric in percent; v1 has a field for it. The others keep their order. */
function take(metrics: readonly JsonObject[], part: "target" | "current"): { percent: unknown; others: readonly JsonObject[] } {
  const percentOf = (metric: JsonObject): unknown => {
    const resource = fieldsOf(metric["resource"]);
    return metric["type"] === "Resource" && resource["name"] === "cpu" ? fieldsOf(resource[part])["averageUtilization"] : undefined;
  };
  const at = metrics.findIndex((metric) => percentOf(metric) !== undefined);
  const found = metrics[at];
  return found === undefined
    ? { percent: undefined, others: metrics }
    : { percent: percentOf(found), others: metrics.filter((_metric, index) => index !== at) };
}

function cpu(part: "target" | "current", percent: unknown): readonly JsonObject[] {
  if (percent === undefined || percent === null) return [];
  const value = { ...(part === "target" ? { type: "Utilization" } : {}), averageUtilization: percent };
  return [{ type: "Resource", resource: { name: "cpu", [part]: value } }];
}

function toV1(metric: JsonObject, forms: MetricForm): JsonObject {
  const type = typeOf(metric, forms);
  if (type === undefined) return metric;
  const source = fieldsOf(metric[type]);
  const fields = Object.entries(forms[type] ?? {}).flatMap(([name, path]) => {
    const value = path.reduce<unknown>((inner, step) => fieldsOf(inner)[step], source);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { type: metric["type"], [type]: Object.fromEntries(fields) };
}

function toV2(metric: JsonObject, forms: MetricForm): JsonObject {
  const type = typeOf(metric, forms);
  if (type === undefined) return metric;
  const source = fieldsOf(metric[type]);
  const result: { [field: string]: unknown } = {};
  for (const [name, [outer = "", inner]] of Object.entries(forms[type] ?? {})) {
    const value = source[name];
    if (value === undefined || value === null) continue;
    result[outer] = inner === undefined ? value : { ...fieldsOf(result[outer]), [inner]: value };
  }
  if (forms === targets) result["target"] = { type: targetType(fieldsOf(result["target"])), ...fieldsOf(result["target"]) };
  return { type: metric["type"], [type]: result };
}

function targetType(target: JsonObject): string {
  if (target["averageUtilization"] !== undefined) return "Utilization";
  return target["averageValue"] === undefined ? "Value" : "AverageValue";
}

const typeOf = (metric: JsonObject, forms: MetricForm) => Object.keys(forms).find((type) => isObject(metric[type]));

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

const fieldsOf = (value: unknown): JsonObject => (isObject(value) ? value : {});
const listOf = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);
const optional = (name: string, value: unknown) => (value === undefined ? {} : { [name]: value });

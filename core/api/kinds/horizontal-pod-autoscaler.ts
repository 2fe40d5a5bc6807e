/**
 * HorizontalPodAutoscalers. Both versions are the same objects: rules and columns read the stored form (v2), and the rows
 * of v1 convert what they are given first.
 */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { HPAScalingRules, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { horizontalPodAutoscalerConversion } from "./convert-horizontal-pod-autoscaler.ts";
import { fill, mapField } from "./fill.ts";
import { change, checking, checkingUpdate } from "./hook-types.ts";
import { metricsText } from "./metrics-text.ts";
import type { Errors } from "./validate/errors.ts";
import { validateAutoscaler } from "./validate/autoscaler.ts";
import { validateCounts } from "./validate/replicas-status.ts";

const column = columnsOf<HorizontalPodAutoscaler>();

const columns: KindHooks["columns"] = [
  nameColumn,
  column("Reference", ({ spec }) => `${spec?.scaleTargetRef?.kind ?? ""}/${spec?.scaleTargetRef?.name ?? ""}`),
  column("Targets", ({ spec, status }) => metricsText(spec?.metrics ?? [], status?.currentMetrics ?? [])),
  column("MinPods", ({ spec }) => (spec?.minReplicas === undefined ? "<unset>" : String(spec.minReplicas))),
  column("MaxPods", ({ spec }) => spec?.maxReplicas ?? 0),
  column("Replicas", ({ status }) => status?.currentReplicas ?? 0),
  ageColumn,
];

const check = checking((errors: Errors, { spec }: HorizontalPodAutoscaler) => validateAutoscaler(errors, spec ?? ({} as HorizontalPodAutoscalerSpec)));
const checkUpdate = checkingUpdate((errors, { spec }: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler) => validateAutoscaler(errors, spec ?? ({} as HorizontalPodAutoscalerSpec), old.spec));
const checkStatus = checkingUpdate((errors, { status }: HorizontalPodAutoscaler) => validateCounts(errors, status, ["currentReplicas", "desiredReplicas"]));

export const horizontalPodAutoscalerHooks: KindHooks = {
  setDefaults: change<HorizontalPodAutoscaler>((object) => mapField(object, "spec", defaultSpec)),
  prepareForCreate: (object) => ({ ...object, status: { desiredReplicas: 0, currentMetrics: null } }),
  validate: check,
  validateUpdate: checkUpdate,
  validateSubresource: { status: checkStatus },
  columns,
};

const stored = (object: AnyObject): AnyObject => horizontalPodAutoscalerConversion.toStored?.(object) ?? object;

export const horizontalPodAutoscalerV1Hooks: KindHooks = {
  setDefaults: change<{ readonly spec?: { readonly minReplicas?: number } } & HorizontalPodAutoscaler>((object) =>
    mapField(object, "spec", (spec) => {
      const scales = fill(spec, { minReplicas: 1 });
      return (horizontalPodAutoscalerConversion.toStored?.({ ...object, spec: scales } as unknown as AnyObject) as { spec?: { metrics?: unknown[] } } | undefined)?.spec?.metrics?.length
        ? scales
        : fill(scales, { targetCPUUtilizationPercentage: 80 });
    }),
  ),
  validate: (object) => check(stored(object)),
  validateUpdate: (object, old) => checkUpdate(stored(object), stored(old)),
  validateSubresource: { status: (object, old) => checkStatus(stored(object), stored(old)) },
  columns: columns.map((one) => ({ ...one, cell: (object, now) => one.cell(stored(object), now) })),
};

const CPU: MetricSpec = { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } };
/** what speeds up and slows down scaling where nothing is said (documentation, "Default behavior") */
const UP = { stabilizationWindowSeconds: 0, selectPolicy: "Max", policies: [{ type: "Pods", value: 4, periodSeconds: 15 }, { type: "Percent", value: 100, periodSeconds: 15 }] };
const DOWN = { selectPolicy: "Max", policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] };

function defaultSpec(spec: HorizontalPodAutoscalerSpec): HorizontalPodAutoscalerSpec {
  const filled = fill(spec, { minReplicas: 1 });
  const measured = (filled.metrics ?? []).length === 0 ? { ...filled, metrics: [CPU] } : filled;
  return mapField(measured, "behavior", (behavior) => {
    const up: HPAScalingRules = fill(behavior.scaleUp ?? {}, UP);
    const down: HPAScalingRules = fill(behavior.scaleDown ?? {}, DOWN);
    return { ...behavior, scaleUp: up, scaleDown: down };
  });
}

/** Autoscalers: bounds, what is measured, how fast replicas come and go. */
import { pathSegment } from "../../names.ts";
import type { CrossVersionObjectReference, HPAScalingRules, HorizontalPodAutoscalerSpec, MetricIdentifier, MetricSpec, MetricTarget } from "../../types.gen.ts";
import { wordTable } from "../../word-table.ts";
import { type Errors, check, forbidden, invalid, isEmpty, notSupported, required } from "./errors.ts";
import { amountNotNegative, amountOf } from "./quantity-rules.ts";
import { containerResourceName } from "./resource-names.ts";

const TYPES = ["ContainerResource", "External", "Object", "Pods", "Resource"];
const FIELD_OF = wordTable<keyof MetricSpec>({ Object: "object", External: "external", Pods: "pods", Resource: "resource", ContainerResource: "containerResource" });
const LONGEST_WINDOW = 3600;
const LONGEST_PERIOD = 1800;

/** `old`: what is scaled is looked at again only when it changes */
export function validateAutoscaler(errors: Errors, spec: HorizontalPodAutoscalerSpec, old?: HorizontalPodAutoscalerSpec): void {
  const { minReplicas, maxReplicas = 0, scaleTargetRef, metrics = [], behavior } = spec;
  if (minReplicas !== undefined && minReplicas < 1) invalid(errors, "spec.minReplicas", minReplicas, "must be greater than or equal to 1");
  if (maxReplicas === 0) required(errors, "spec.maxReplicas", "must be set and greater than 0");
  if (maxReplicas < 0) invalid(errors, "spec.maxReplicas", maxReplicas, "must be greater than or equal to 1");
  if (minReplicas !== undefined && maxReplicas < minReplicas) invalid(errors, "spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`");
  reference(errors, "spec.scaleTargetRef", scaleTargetRef);
  const before = old?.scaleTargetRef;
  if (before === undefined || before.apiVersion !== scaleTargetRef?.apiVersion || before.kind !== scaleTargetRef?.kind) {
    groupVersion(errors, "spec.scaleTargetRef.apiVersion", scaleTargetRef?.apiVersion ?? "", scaleTargetRef?.kind !== "ReplicationController");
  }
  metrics.forEach((metric, index) => validateMetric(errors, `spec.metrics[${index}]`, metric));
  const wakes = metrics.some(({ object, external }) => object !== undefined || external !== undefined);
  if (minReplicas === 0 && !wakes) forbidden(errors, "spec.metrics", "must specify at least one Object or External metric to support scaling to zero replicas");
  if (behavior?.scaleUp !== undefined) scalingRules(errors, "spec.behavior.scaleUp", behavior.scaleUp);
  if (behavior?.scaleDown !== undefined) scalingRules(errors, "spec.behavior.scaleDown", behavior.scaleDown);
}

function reference(errors: Errors, path: string, ref: CrossVersionObjectReference | undefined): void {
  for (const field of ["kind", "name"] as const) {
    const value = ref?.[field];
    if (isEmpty(value)) required(errors, `${path}.${field}`);
    else check(errors, `${path}.${field}`, value ?? "", pathSegment);
  }
}

/** `needed`: nothing of the core group can be scaled but ReplicationControllers */
function groupVersion(errors: Errors, path: string, text: string, needed: boolean): void {
  if (text.split("/").length > 2) invalid(errors, path, text, `unexpected GroupVersion string: ${text}`);
  else if (needed && (!text.includes("/") || text.startsWith("/"))) invalid(errors, path, text, "apiVersion must specify API group");
}

function validateMetric(errors: Errors, path: string, metric: MetricSpec): void {
  const { type } = metric;
  if (isEmpty(type)) required(errors, `${path}.type`, "must specify a metric source type");
  if (!TYPES.includes(type)) notSupported(errors, `${path}.type`, type ?? "", TYPES);
  const given = (["object", "external", "pods", "resource", "containerResource"] as const).filter((field) => metric[field] !== undefined);
  const [first] = given;
  if (first !== undefined) source(errors, `${path}.${first}`, first, metric);
  const expected = FIELD_OF[type];
  if (expected === undefined) notSupported(errors, `${path}.type`, type ?? "", TYPES);
  else if (metric[expected] === undefined) required(errors, `${path}.${expected}`, "must populate information for the given metric source");
  if (given.length === 1) return;
  for (const field of given) if (field !== expected) forbidden(errors, `${path}.${field}`, "must populate the given metric source only");
}

function source(errors: Errors, path: string, field: keyof MetricSpec, { object, external, pods, resource, containerResource }: MetricSpec): void {
  if (field === "object" && object !== undefined) {
    reference(errors, `${path}.describedObject`, object.describedObject);
    groupVersion(errors, `${path}.describedObject.apiVersion`, object.describedObject?.apiVersion ?? "", false);
    identifier(errors, `${path}.metric`, object.metric);
    target(errors, `${path}.target`, object.target);
    if (object.target?.value === undefined && object.target?.averageValue === undefined) required(errors, `${path}.target.averageValue`, "must set either a target value or averageValue");
  }
  if (field === "external" && external !== undefined) {
    identifier(errors, `${path}.metric`, external.metric);
    target(errors, `${path}.target`, external.target);
    const { value, averageValue } = external.target ?? {};
    if (value === undefined && averageValue === undefined) required(errors, `${path}.target.averageValue`, "must set either a target value for metric or a per-pod target");
    if (value !== undefined && averageValue !== undefined) forbidden(errors, `${path}.target.value`, "may not set both a target value for metric and a per-pod target");
  }
  if (field === "pods" && pods !== undefined) {
    identifier(errors, `${path}.metric`, pods.metric);
    target(errors, `${path}.target`, pods.target);
    if (pods.target?.averageValue === undefined) required(errors, `${path}.target.averageValue`, "must specify a positive target averageValue");
  }
  const counted = field === "resource" ? resource : field === "containerResource" ? containerResource : undefined;
  if (counted === undefined) return;
  if (isEmpty(counted.name)) required(errors, `${path}.name`, "must specify a resource name");
  else if (containerResource !== undefined && field === "containerResource") containerResourceName(errors, `${path}.name`, counted.name);
  if (field === "containerResource" && isEmpty(containerResource?.container)) required(errors, `${path}.container`, "must specify a container");
  target(errors, `${path}.target`, counted.target);
  const { averageUtilization, averageValue } = counted.target ?? {};
  if (averageUtilization === undefined && averageValue === undefined) required(errors, `${path}.target.averageUtilization`, "must set either a target raw value or a target utilization");
  if (averageUtilization !== undefined && averageValue !== undefined) forbidden(errors, `${path}.target.averageValue`, "may not set both a target raw value and a target utilization");
}

function identifier(errors: Errors, path: string, metric: MetricIdentifier | undefined): void {
  if (isEmpty(metric?.name)) required(errors, `${path}.name`, "must specify a metric name");
  else check(errors, `${path}.name`, metric?.name ?? "", pathSegment);
}

function target(errors: Errors, path: string, { type, value, averageValue, averageUtilization }: Partial<MetricTarget> = {}): void {
  if (isEmpty(type)) required(errors, `${path}.type`, "must specify a metric target type");
  if (type !== "Utilization" && type !== "Value" && type !== "AverageValue") invalid(errors, `${path}.type`, type ?? "", "must be either Utilization, Value, or AverageValue");
  for (const [field, amount] of [["value", value], ["averageValue", averageValue]] as const) {
    if (amount !== undefined && amountOf(amount).nanos <= 0n) invalid(errors, `${path}.${field}`, amount, "must be positive");
  }
  if (averageUtilization !== undefined && averageUtilization < 1) invalid(errors, `${path}.averageUtilization`, averageUtilization, "must be greater than 0");
}

function scalingRules(errors: Errors, path: string, { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance }: HPAScalingRules): void {
  if (window !== undefined && window < 0) invalid(errors, `${path}.stabilizationWindowSeconds`, window, "must be greater than or equal to zero");
  if (window !== undefined && window > LONGEST_WINDOW) invalid(errors, `${path}.stabilizationWindowSeconds`, window, `must be less than or equal to ${LONGEST_WINDOW}`);
  if (selectPolicy !== undefined && !["Disabled", "Max", "Min"].includes(selectPolicy)) notSupported(errors, `${path}.selectPolicy`, selectPolicy, ["Disabled", "Max", "Min"]);
  if (policies.length === 0) required(errors, `${path}.policies`, "must specify at least one Policy");
  policies.forEach(({ type, value, periodSeconds }, index) => {
    const at = `${path}.policies[${index}]`;
    if (type !== "Pods" && type !== "Percent") notSupported(errors, `${at}.type`, type ?? "", ["Percent", "Pods"]);
    if (value <= 0) invalid(errors, `${at}.value`, value, "must be greater than zero");
    if (periodSeconds <= 0) invalid(errors, `${at}.periodSeconds`, periodSeconds, "must be greater than zero");
    if (periodSeconds > LONGEST_PERIOD) invalid(errors, `${at}.periodSeconds`, periodSeconds, `must be less than or equal to ${LONGEST_PERIOD}`);
  });
  if (tolerance !== undefined) amountNotNegative(errors, `${path}.tolerance`, tolerance);
}

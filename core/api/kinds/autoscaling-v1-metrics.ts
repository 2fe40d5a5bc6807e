/**
 * Metrics of autoscaling/v2 in the form that they have in the annotations of autoscaling/v1 objects (k8s.io/api
 * autoscaling/v1, MetricSpec and MetricStatus): flat, and with a "0" where v1 has a quantity that it cannot leave out.
 */
import { isObject, type JsonObject } from "../json.ts";

/** One kind of metric: the names of v1 in their order, with the path of each in a metric of v2. */
interface Form {
  readonly fields: { readonly [v1: string]: readonly string[] };
  /** the quantity that is always there in v1 */
  readonly always?: string;
  /** what a target is, by what it has */
  readonly targetType?: (target: JsonObject) => "Utilization" | "Value" | "AverageValue";
}

type Forms = { readonly [type: string]: Form };

const usage = (target: JsonObject) => (target["averageUtilization"] === undefined ? "AverageValue" : "Utilization");

export const targets: Forms = {
  object: {
    fields: { target: ["describedObject"], metricName: ["metric", "name"], targetValue: ["target", "value"], selector: ["metric", "selector"], averageValue: ["target", "averageValue"] },
    always: "targetValue",
    targetType: (target) => (target["averageValue"] === undefined ? "Value" : "AverageValue"),
  },
  pods: {
    fields: { metricName: ["metric", "name"], targetAverageValue: ["target", "averageValue"], selector: ["metric", "selector"] },
    always: "targetAverageValue",
    targetType: () => "AverageValue",
  },
  resource: {
    fields: { name: ["name"], targetAverageUtilization: ["target", "averageUtilization"], targetAverageValue: ["target", "averageValue"] },
    targetType: usage,
  },
  containerResource: {
    fields: { name: ["name"], targetAverageUtilization: ["target", "averageUtilization"], targetAverageValue: ["target", "averageValue"], container: ["container"] },
    targetType: usage,
  },
  external: {
    fields: { metricName: ["metric", "name"], metricSelector: ["metric", "selector"], targetValue: ["target", "value"], targetAverageValue: ["target", "averageValue"] },
    targetType: (target) => (target["value"] === undefined ? "AverageValue" : "Value"),
  },
};

export const measured: Forms = {
  object: {
    fields: { target: ["describedObject"], metricName: ["metric", "name"], currentValue: ["current", "value"], selector: ["metric", "selector"], averageValue: ["current", "averageValue"] },
    always: "currentValue",
  },
  pods: { fields: { metricName: ["metric", "name"], currentAverageValue: ["current", "averageValue"], selector: ["metric", "selector"] }, always: "currentAverageValue" },
  resource: {
    fields: { name: ["name"], currentAverageUtilization: ["current", "averageUtilization"], currentAverageValue: ["current", "averageValue"] },
    always: "currentAverageValue",
  },
  containerResource: {
    fields: { name: ["name"], currentAverageUtilization: ["current", "averageUtilization"], currentAverageValue: ["current", "averageValue"], container: ["container"] },
    always: "currentAverageValue",
  },
  external: {
    fields: { metricName: ["metric", "name"], metricSelector: ["metric", "selector"], currentValue: ["current", "value"], currentAverageValue: ["current", "averageValue"] },
    always: "currentValue",
  },
};

export function toV1(metric: JsonObject, forms: Forms): JsonObject {
  const { type, form } = formOf(metric, forms);
  if (type === undefined || form === undefined) return metric;
  const source = fieldsOf(metric[type]);
  const fields = Object.entries(form.fields).flatMap(([name, path]) => {
    const value = path.reduce<unknown>((inner, step) => fieldsOf(inner)[step], source) ?? (name === form.always ? "0" : undefined);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { type: metric["type"], [type]: Object.fromEntries(fields) };
}

export function toV2(metric: JsonObject, forms: Forms): JsonObject {
  const { type, form } = formOf(metric, forms);
  if (type === undefined || form === undefined) return metric;
  const source = fieldsOf(metric[type]);
  const result: { [field: string]: unknown } = {};
  for (const [name, [outer = "", inner]] of Object.entries(form.fields)) {
    const value = source[name] ?? (name === form.always ? "0" : undefined);
    if (value === undefined || value === null) continue;
    result[outer] = inner === undefined ? value : { ...fieldsOf(result[outer]), [inner]: value };
  }
  if (form.targetType !== undefined) result["target"] = targetOf(fieldsOf(result["target"]), form.targetType);
  return { type: metric["type"], [type]: result };
}

function targetOf(given: JsonObject, typeOf: NonNullable<Form["targetType"]>): JsonObject {
  const type = typeOf(given);
  const { value, ...rest } = given;
  // the zero that v1 could not leave out
  const unsaid = type === "AverageValue" && Number.parseFloat(String(value ?? "0")) === 0;
  return { type, ...(unsaid ? rest : given) };
}

function formOf(metric: JsonObject, forms: Forms): { readonly type?: string; readonly form?: Form } {
  const type = Object.keys(forms).find((name) => isObject(metric[name]));
  const form = type === undefined ? undefined : forms[type];
  return type === undefined || form === undefined ? {} : { type, form };
}

export const fieldsOf = (value: unknown): JsonObject => (isObject(value) ? value : {});

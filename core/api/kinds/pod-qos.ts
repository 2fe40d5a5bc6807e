/** Quality of service class of a pod (Kubernetes documentation, "Pod Quality of Service Classes"). */
import type { PodSpec, ResourceRequirements } from "../types.gen.ts";

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

const COUNTED = ["cpu", "memory"] as const;

export function qosClass(spec: PodSpec | undefined): QosClass {
  // what a pod states itself stands for its containers (KEP-2837)
  const stated = spec?.resources === undefined ? [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map(({ resources }) => resources) : [spec.resources];
  if (!stated.some(asksForSomething)) return "BestEffort";
  return stated.every(isGuaranteed) ? "Guaranteed" : "Burstable";
}

function asksForSomething(resources: ResourceRequirements | undefined): boolean {
  return COUNTED.some((name) => isPositive(resources?.requests?.[name]) || isPositive(resources?.limits?.[name]));
}

function isGuaranteed(resources: ResourceRequirements | undefined): boolean {
  return COUNTED.every((name) => {
    const limit = resources?.limits?.[name];
    return isPositive(limit) && (resources?.requests?.[name] ?? limit) === limit;
  });
}

const isPositive = (quantity: string | undefined) => quantity !== undefined && Number.parseFloat(quantity) > 0;

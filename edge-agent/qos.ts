/** The quality-of-service class of a pod (Kubernetes documentation, "Pod Quality of Service Classes"). */
import type { Pod, ResourceRequirements } from "../core/api/types.gen.ts";
import { allContainers } from "./containers.ts";
import { quantity } from "./quantity.ts";

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

const COUNTED = ["cpu", "memory"] as const;

export function qosClass(pod: Pod): QosClass {
  const given = pod.status?.qosClass;
  if (given === "Guaranteed" || given === "Burstable" || given === "BestEffort") return given;
  const parts = pod.spec?.resources === undefined ? allContainers(pod).map(({ resources }) => resources) : [pod.spec.resources];
  if (!parts.some(asksForSomething)) return "BestEffort";
  return parts.every(isFixed) ? "Guaranteed" : "Burstable";
}

function asksForSomething(resources: ResourceRequirements | undefined): boolean {
  return COUNTED.some((name) => [resources?.requests?.[name], resources?.limits?.[name]].some((text) => text !== undefined && quantity(text) > 0));
}

function isFixed(resources: ResourceRequirements | undefined): boolean {
  return COUNTED.every((name) => {
    const limit = resources?.limits?.[name];
    return limit !== undefined && quantity(limit) > 0 && quantity(resources?.requests?.[name] ?? limit) === quantity(limit);
  });
}

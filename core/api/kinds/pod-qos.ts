/** Quality of service class of a pod (Kubernetes documentation, "Pod Quality of Service Classes"). */
import type { Container, PodSpec } from "../types.gen.ts";

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

const COUNTED = ["cpu", "memory"] as const;

export function qosClass(spec: PodSpec | undefined): QosClass {
  const containers: readonly Container[] = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  const stated = containers.some(({ resources }) =>
    COUNTED.some((name) => isPositive(resources?.requests?.[name]) || isPositive(resources?.limits?.[name])),
  );
  if (!stated) return "BestEffort";
  return containers.every(isGuaranteed) ? "Guaranteed" : "Burstable";
}

function isGuaranteed({ resources }: Container): boolean {
  return COUNTED.every((name) => {
    const limit = resources?.limits?.[name];
    return isPositive(limit) && (resources?.requests?.[name] ?? limit) === limit;
  });
}

const isPositive = (quantity: string | undefined) => quantity !== undefined && Number.parseFloat(quantity) > 0;

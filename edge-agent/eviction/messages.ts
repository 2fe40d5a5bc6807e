/** The words of an eviction, which users and their alerts know from kubelet. */
import type { PodStanding } from "./rank.ts";
import type { PressureType, Starved, StarvedResource } from "./pressure.ts";

export function evictionMessage({ resource, threshold, available }: Starved, { containers }: PodStanding): string {
  const over = containers
    .filter((container) => container.over)
    .map(({ name, used, request }) => `Container ${name} was using ${quantityText(used, resource)}, request is ${request}, has larger consumption of ${resource}. `)
    .join("");
  return `The node was low on resource: ${resource}. Threshold quantity: ${quantityText(threshold, resource)}, available: ${quantityText(available, resource)}. ${over}`;
}

export function rejectionMessage(conditions: readonly PressureType[]): string {
  return `The node had condition: [${conditions.join(" ")}]. `;
}

function quantityText(amount: number, resource: StarvedResource): string {
  return resource === "inodes" || resource === "pids" ? String(Math.round(amount)) : `${Math.floor(amount / 1024)}Ki`;
}

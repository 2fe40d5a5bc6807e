/**
 * What a pod takes as a whole, for all who have to know: the scheduler, quotas, and the device that runs it. The larger
 * of its containers together and its largest init step, sidecars counted in both (KEP-753); what the pod states itself
 * stands for that (KEP-2837); its overhead comes on top.
 */
import type { Quantity } from "./quantity.ts";
import { addQuantities, compareQuantities, parseQuantity } from "./quantity.ts";
import type { Pod, PodSpec, ResourceRequirements } from "./types.gen.ts";

/** By resource name: "cpu", "memory", "example.com/gpu". */
export type ResourceAmounts = ReadonlyMap<string, Quantity>;

type Texts = { readonly [resource: string]: string };

const none: Texts = {};

export const podRequests = ({ spec }: Pod): ResourceAmounts => plus(statedRequests(spec), amounts(spec?.overhead));

/** Overhead makes no limit where there is none. */
export function podLimits({ spec }: Pod): ResourceAmounts {
  const total = statedLimits(spec);
  for (const [name, amount] of amounts(spec?.overhead)) if (total.has(name)) plus(total, new Map([[name, amount]]));
  return total;
}

/** Without overhead. A limit without a request is the request, too; of the pod itself only where no container requests the resource. */
export function statedRequests(spec: PodSpec | undefined): Map<string, Quantity> {
  const total = ofContainers(spec, (resources) => (resources?.limits === undefined ? resources?.requests : { ...resources.limits, ...resources.requests }));
  for (const [name, amount] of amounts(spec?.resources?.limits)) if (!total.has(name)) total.set(name, amount);
  for (const [name, amount] of amounts(spec?.resources?.requests)) total.set(name, amount);
  return total;
}

/** Without overhead. */
export function statedLimits(spec: PodSpec | undefined): Map<string, Quantity> {
  const total = ofContainers(spec, (resources) => resources?.limits);
  for (const [name, amount] of amounts(spec?.resources?.limits)) total.set(name, amount);
  return total;
}

function ofContainers(spec: PodSpec | undefined, texts: (resources: ResourceRequirements | undefined) => Texts | undefined): Map<string, Quantity> {
  const total = new Map<string, Quantity>();
  let largest = new Map<string, Quantity>();
  // so far `total` holds the sidecars alone: each init step runs beside those that started before it
  for (const { resources, restartPolicy } of spec?.initContainers ?? []) {
    const own = amounts(texts(resources));
    if (restartPolicy === "Always") plus(total, own);
    largest = greatest(largest, restartPolicy === "Always" ? total : plus(new Map(total), own));
  }
  for (const { resources } of spec?.containers ?? []) plus(total, amounts(texts(resources)));
  return greatest(total, largest);
}

function amounts(texts: Texts = none): ResourceAmounts {
  const found = new Map<string, Quantity>();
  for (const name in texts) found.set(name, parseQuantity(texts[name] ?? ""));
  return found;
}

function plus(total: Map<string, Quantity>, more: ResourceAmounts): Map<string, Quantity> {
  for (const [name, amount] of more) {
    const before = total.get(name);
    total.set(name, before === undefined ? amount : addQuantities(before, amount));
  }
  return total;
}

function greatest(a: Map<string, Quantity>, b: ResourceAmounts): Map<string, Quantity> {
  for (const [name, amount] of b) {
    const before = a.get(name);
    if (before === undefined || compareQuantities(amount, before) > 0) a.set(name, amount);
  }
  return a;
}

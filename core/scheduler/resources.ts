/**
 * Amounts of resources as vectors of numbers: cpu in thousandths of a core, everything else in its base unit. Names get a
 * slot on first sight, so that comparing a pod with a node is a loop over a few numbers.
 */
import { podRequests } from "../api/pod-resources.ts";
import type { Quantity } from "../api/quantity.ts";
import { milliValue, parseQuantity, wholeValue } from "../api/quantity.ts";
import type { Pod } from "../api/types.gen.ts";

export type Amounts = readonly number[];

export const CPU = 0;
export const MEMORY = 1;
export const PODS = 2;
export const EPHEMERAL_STORAGE = 3;

export interface ResourceSlots {
  /** what a node has */
  vector(quantities: { readonly [name: string]: string } | undefined): number[];
  /** what a pod needs, its own place among the node's pods with it; shared by all pods that need the same */
  needs(pod: Pod): Amounts;
  nameOf(slot: number): string;
}

/** Different needs that are remembered: pods of one template come in thousands. */
const NEEDS_LIMIT = 1_000;

export function resourceSlots(): ResourceSlots {
  const known = new Map<string, Amounts>();
  const names = ["cpu", "memory", "pods", "ephemeral-storage"];
  const slots = new Map(names.map((name, slot) => [name, slot]));
  const vector = (quantities: Iterable<readonly [name: string, amount: Quantity]>): number[] => {
    const amounts: number[] = [0, 0, 0, 0];
    for (const [name, amount] of quantities) {
      let slot = slots.get(name);
      if (slot === undefined) {
        slot = names.length;
        names.push(name);
        slots.set(name, slot);
      }
      for (let gap = amounts.length; gap < slot; gap++) amounts[gap] = 0;
      amounts[slot] = slot === CPU ? milliValue(amount) : wholeValue(amount);
    }
    return amounts;
  };
  return {
    vector: (quantities = {}) => vector(Object.entries(quantities).map(([name, text]) => [name, parseQuantity(text)] as const)),
    needs(pod) {
      const signature = signatureOf(pod);
      const before = known.get(signature);
      if (before !== undefined) return before;
      const needs = vector(podRequests(pod));
      needs[PODS] = 1;
      if (known.size >= NEEDS_LIMIT) known.clear();
      known.set(signature, needs);
      return needs;
    },
    nameOf: (slot) => names[slot] ?? "",
  };
}

/** Everything of a pod that decides what it needs. */
function signatureOf({ spec }: Pod): string {
  return JSON.stringify([
    spec?.containers.map((container) => container.resources),
    spec?.initContainers?.map((container) => [container.resources, container.restartPolicy]),
    spec?.resources,
    spec?.overhead,
  ]);
}

export const valueAt = (amounts: Amounts, slot: number): number => amounts[slot] ?? 0;

export function add(target: number[], amounts: Amounts, sign: 1 | -1): void {
  for (let slot = 0; slot < amounts.length; slot++) target[slot] = valueAt(target, slot) + sign * valueAt(amounts, slot);
}

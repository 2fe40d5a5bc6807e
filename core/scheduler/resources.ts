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
  /** what a pod needs, its own place among the node's pods with it */
  needs(pod: Pod): number[];
  nameOf(slot: number): string;
}

export function resourceSlots(): ResourceSlots {
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
      const needs = vector(podRequests(pod));
      needs[PODS] = 1;
      return needs;
    },
    nameOf: (slot) => names[slot] ?? "",
  };
}

export const valueAt = (amounts: Amounts, slot: number): number => amounts[slot] ?? 0;

export function add(target: number[], amounts: Amounts, sign: 1 | -1): void {
  for (let slot = 0; slot < amounts.length; slot++) target[slot] = valueAt(target, slot) + sign * valueAt(amounts, slot);
}

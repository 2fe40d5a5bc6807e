/**
 * Amounts of resources as vectors of numbers: cpu in thousandths of a core, everything else in its base unit. Names get a
 * slot on first sight, so that comparing a pod with a node is a loop over a few numbers.
 */
import { milliValue, parseQuantity, wholeValue } from "../api/quantity.ts";
import type { Container, Pod, ResourceRequirements } from "../api/types.gen.ts";

export type Amounts = readonly number[];

export const CPU = 0;
export const MEMORY = 1;
export const PODS = 2;
export const EPHEMERAL_STORAGE = 3;

export interface ResourceSlots {
  vector(quantities: { readonly [name: string]: string } | undefined): number[];
  nameOf(slot: number): string;
}

export function resourceSlots(): ResourceSlots {
  const names = ["cpu", "memory", "pods", "ephemeral-storage"];
  const slots = new Map(names.map((name, slot) => [name, slot]));
  return {
    vector(quantities) {
      const amounts: number[] = [0, 0, 0, 0];
      for (const [name, text] of Object.entries(quantities ?? {})) {
        let slot = slots.get(name);
        if (slot === undefined) {
          slot = names.length;
          names.push(name);
          slots.set(name, slot);
        }
        for (let gap = amounts.length; gap < slot; gap++) amounts[gap] = 0;
        amounts[slot] = amountOf(text, slot === CPU);
      }
      return amounts;
    },
    nameOf: (slot) => names[slot] ?? "",
  };
}

/** A pod template repeats the same few texts thousands of times. */
const parsed = new Map<string, number>();
const PARSED_LIMIT = 10_000;

function amountOf(text: string, milli: boolean): number {
  const key = milli ? `m${text}` : text;
  const known = parsed.get(key);
  if (known !== undefined) return known;
  const quantity = parseQuantity(text);
  const amount = milli ? milliValue(quantity) : wholeValue(quantity);
  if (parsed.size >= PARSED_LIMIT) parsed.clear();
  parsed.set(key, amount);
  return amount;
}

export const valueAt = (amounts: Amounts, slot: number): number => amounts[slot] ?? 0;

export function add(target: number[], amounts: Amounts, sign: 1 | -1): void {
  for (let slot = 0; slot < amounts.length; slot++) target[slot] = valueAt(target, slot) + sign * valueAt(amounts, slot);
}

function greatest(a: Amounts, b: Amounts): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, slot) => Math.max(valueAt(a, slot), valueAt(b, slot)));
}

/**
 * What a pod needs of a node: the sum of its containers and sidecars, or the largest of its init containers with the
 * sidecars started before it, whichever is more (KEP-753), pod-level requests where given (KEP-2837), plus overhead.
 */
export function podRequests(slots: ResourceSlots, pod: Pod): number[] {
  const spec = pod.spec;
  const running: number[] = [];
  const sidecars: number[] = [];
  let starting: number[] = [];
  for (const container of spec?.containers ?? []) add(running, requestsOf(slots, container), 1);
  for (const container of spec?.initContainers ?? []) {
    const needs = requestsOf(slots, container);
    if (container.restartPolicy === "Always") {
      add(running, needs, 1);
      add(sidecars, needs, 1);
      starting = greatest(starting, sidecars);
    } else {
      add(needs, sidecars, 1);
      starting = greatest(starting, needs);
    }
  }
  const total = greatest(running, starting);
  const podLevel = (spec as { readonly resources?: ResourceRequirements } | undefined)?.resources?.requests;
  if (podLevel !== undefined) {
    const stated = slots.vector(podLevel);
    for (const [slot, amount] of stated.entries()) if (amount > 0) total[slot] = amount;
  }
  add(total, slots.vector(spec?.overhead), 1);
  total[PODS] = 1;
  return total;
}

/** Requests; a resource that has only a limit requests as much (defaulting does this for stored pods). */
function requestsOf(slots: ResourceSlots, container: Container): number[] {
  return slots.vector({ ...container.resources?.limits, ...container.resources?.requests });
}

/**
 * What a pod takes as a whole: the larger of its containers together and its largest init step, sidecars counted in both
 * (KEP-753), unless the pod says it itself (KEP-2837), plus its overhead. Amounts are plain numbers by resource name.
 */
import type { Container, Pod } from "../core/api/types.gen.ts";
import { quantity } from "./quantity.ts";
import { isSidecar } from "./restart-policy.ts";

export type Amounts = { readonly [resource: string]: number };

/** A limit without a request is the request, too. */
export function podRequests(pod: Pod): Amounts {
  const own = pod.spec?.resources;
  const sum = podSum(pod, ({ resources }) => amounts({ ...resources?.limits, ...resources?.requests }));
  return { ...sum, ...amounts({ ...own?.limits, ...own?.requests }) };
}

/** Only those resources that every container limits, because one without a limit makes the whole unlimited. */
export function podLimits(pod: Pod): Amounts {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const sum = podSum(pod, ({ resources }) => amounts(resources?.limits ?? {}));
  const limited = Object.entries(sum).filter(([resource]) => containers.every(({ resources }) => resources?.limits?.[resource] !== undefined));
  return { ...Object.fromEntries(limited), ...amounts(pod.spec?.resources?.limits ?? {}) };
}

function podSum(pod: Pod, of: (container: Container) => Amounts): Amounts {
  let sidecars: Amounts = {};
  let largest: Amounts = {};
  for (const init of pod.spec?.initContainers ?? []) {
    const step = combine(sidecars, of(init), (a, b) => a + b);
    if (isSidecar(init)) sidecars = step;
    largest = combine(largest, step, Math.max);
  }
  const together = (pod.spec?.containers ?? []).map(of).reduce((a, b) => combine(a, b, (x, y) => x + y), sidecars);
  return combine(combine(together, largest, Math.max), amounts(pod.spec?.overhead ?? {}), (a, b) => a + b);
}

function amounts(texts: { readonly [resource: string]: string }): Amounts {
  return Object.fromEntries(Object.entries(texts).map(([resource, text]) => [resource, quantity(text)]));
}

function combine(a: Amounts, b: Amounts, how: (x: number, y: number) => number): Amounts {
  return Object.fromEntries([...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => [key, how(a[key] ?? 0, b[key] ?? 0)]));
}

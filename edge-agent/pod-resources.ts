/** What a pod takes as a whole, as plain numbers by resource name: what a device compares and writes into cgroups. */
import * as api from "../core/api/pod-resources.ts";
import type { Pod } from "../core/api/types.gen.ts";
import { numberOf } from "./quantity.ts";

export type Amounts = { readonly [resource: string]: number };

export const podRequests = (pod: Pod): Amounts => Object.fromEntries([...api.podRequests(pod)].map(([resource, amount]) => [resource, numberOf(amount)]));

/** Only those resources that the pod or every container limits, because one without a limit makes the whole unlimited. */
export function podLimits(pod: Pod): Amounts {
  const limited = limitedResources(pod);
  return Object.fromEntries([...api.podLimits(pod)].filter(([resource]) => limited(resource)).map(([resource, amount]) => [resource, numberOf(amount)]));
}

export function limitedResources({ spec }: Pod): (resource: string) => boolean {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return (resource) => spec?.resources?.limits?.[resource] !== undefined || containers.every(({ resources }) => resources?.limits?.[resource] !== undefined);
}

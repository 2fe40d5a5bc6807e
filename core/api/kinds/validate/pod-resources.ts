/** KEP-2837: requests and limits of a pod as a whole, together with those of its containers. */
import { addQuantities, compareQuantities, formatQuantity } from "../../quantity.ts";
import type { Container, PodSpec } from "../../types.gen.ts";
import { type Errors, forbidden, invalid, notSupported, sortedEntries } from "./errors.ts";
import { amountOf } from "./quantity-rules.ts";
import { isHugePages, resourceName } from "./resource-names.ts";
import { type ClaimNames, validateResources } from "./resources.ts";

const OF_PODS = ["cpu", "memory"];

function podResourceName(errors: Errors, path: string, name: string): void {
  const before = errors.length;
  resourceName(errors, path, name);
  if (errors.length === before && !OF_PODS.includes(name) && !isHugePages(name)) notSupported(errors, path, name, ["cpu", "hugepages-", "memory"]);
}

export function validatePodResources(errors: Errors, path: string, spec: PodSpec, claims: ClaimNames | undefined): void {
  const { resources, containers = [], initContainers = [] } = spec;
  if (resources === undefined) return;
  if (spec.os?.name === "windows") return forbidden(errors, path, "may not be set for a windows pod");
  if (resources.claims !== undefined) forbidden(errors, `${path}.claims`, "claims may not be set for Resources at pod-level");
  validateResources(errors, path, resources, claims, podResourceName);
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === "Always");
  for (const [name, asked] of sortedEntries(resources.requests)) {
    const together = sum([...containers, ...sidecars], name);
    if (compareQuantities(together, amountOf(asked)) > 0) {
      invalid(errors, `${path}.requests[${name}]`, asked, `must be greater than or equal to aggregate container requests of ${formatQuantity(together)}`);
    }
  }
  for (const [name, limit] of sortedEntries(resources.limits)) {
    containers.forEach((container, index) => {
      const own = container.resources?.limits?.[name];
      if (own === undefined || compareQuantities(amountOf(own), amountOf(limit)) <= 0) return;
      invalid(errors, `${path}.containers[${index}][${name}].limits`, own, `must be less than or equal to pod limits of ${limit}`);
    });
  }
}

function sum(containers: readonly Container[], name: string) {
  return containers.reduce((total, { resources }) => addQuantities(total, amountOf(resources?.requests?.[name])), amountOf(undefined));
}

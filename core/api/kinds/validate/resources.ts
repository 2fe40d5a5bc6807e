/** Requests, limits and claims of a container or a pod. */
import { dns1123Label } from "../../names.ts";
import { compareQuantities, formatQuantity, wholeValue } from "../../quantity.ts";
import type { ContainerResizePolicy, PodResourceClaim, ResourceRequirements } from "../../types.gen.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, notFound, notSupported, required, sortedEntries } from "./errors.ts";
import { internalForm } from "./internal-form.ts";
import { amountNotNegative, amountOf, wholeAmount } from "./quantity-rules.ts";
import { containerResourceName, isHugePages, isOvercommitAllowed, isWholeResource } from "./resource-names.ts";

export interface ClaimNames {
  readonly names: ReadonlySet<string>;
}

export function claimNamesOf(claims: readonly PodResourceClaim[] | undefined): ClaimNames | undefined {
  return claims === undefined || claims.length === 0 ? undefined : { names: new Set(claims.map(({ name }) => name)) };
}

export function validateResources(errors: Errors, path: string, resources: ResourceRequirements | undefined, claims: ClaimNames | undefined, nameRule = containerResourceName): void {
  if (resources === undefined) return;
  const { limits, requests } = resources;
  let needsCpuOrMemory = false;
  let hasCpuOrMemory = false;
  const see = (name: string) => {
    if (name === "cpu" || name === "memory") hasCpuOrMemory = true;
    if (isHugePages(name)) needsCpuOrMemory = true;
  };
  if (limits !== undefined) {
    for (const [name, amount] of sortedEntries(limits)) {
      const at = `${path}.limits[${name}]`;
      nameRule(errors, at, name);
      amountOfResource(errors, at, name, amount);
      see(name);
    }
  }
  if (requests !== undefined) {
    for (const [name, amount] of sortedEntries(requests)) {
      const at = `${path}.requests[${name}]`;
      nameRule(errors, at, name);
      amountOfResource(errors, at, name, amount);
      const limit = limits?.[name];
      if (limit !== undefined) {
        const order = compareQuantities(amountOf(amount), amountOf(limit));
        if (order !== 0 && !isOvercommitAllowed(name)) invalid(errors, `${path}.requests`, amount, `must be equal to ${name} limit of ${limit}`);
        else if (order > 0) invalid(errors, `${path}.requests`, amount, `must be less than or equal to ${name} limit of ${limit}`);
      } else if (!isOvercommitAllowed(name)) {
        required(errors, `${path}.limits`, "Limit must be set for non overcommitable resources");
      }
      see(name);
    }
  }
  if (needsCpuOrMemory && !hasCpuOrMemory) forbidden(errors, path, "HugePages require cpu or memory");
  if (resources.claims !== undefined) validateClaims(errors, path, resources.claims, claims);
}

export function amountOfResource(errors: Errors, path: string, name: string, amount: string): void {
  amountNotNegative(errors, path, amount);
  if (isWholeResource(name)) wholeAmount(errors, path, amount);
  if (isHugePages(name) && !isWholeMultiple(name, amount)) invalid(errors, path, amount, `${formatQuantity(amountOf(amount))} is not positive integer multiple of ${name}`);
}

function isWholeMultiple(name: string, amount: string): boolean {
  const size = wholeValue(amountOf(name.slice("hugepages-".length)));
  return size > 0 && wholeValue(amountOf(amount)) % size === 0;
}

function validateClaims(errors: Errors, path: string, claims: NonNullable<ResourceRequirements["claims"]>, known: ClaimNames | undefined): void {
  const seen = new Set<string>();
  claims.forEach(({ name, request = "" }, index) => {
    const at = `${path}.claims[${index}]`;
    if (isEmpty(name)) return required(errors, at);
    if (seen.has(name)) duplicate(errors, at, name);
    else {
      if (request !== "") check(errors, `${at}.request`, request, dns1123Label);
      const key = request === "" ? name : `${name}/${request}`;
      if (seen.has(key)) duplicate(errors, at, key);
      else if (request === "") for (const other of seen) if (other.startsWith(`${name}/`)) duplicate(errors, at, name);
      seen.add(key);
    }
    if (known?.names.has(name) === true) return;
    const list = known === undefined ? " which is empty" : `: ${[...known.names].toSorted().join(", ")}`;
    notFound(errors, at, name, `must be one of the names in pod.spec.resourceClaims${list}`);
  });
}

/** resourceClaims of a pod: where each comes from. */
export function validateResourceClaims(errors: Errors, path: string, claims: readonly PodResourceClaim[] | undefined, rule: (text: string) => readonly string[], label: (text: string) => readonly string[]): void {
  const names = new Set<string>();
  claims?.forEach((claim, index) => {
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    const at = `${path}[${index}]`;
    if (isEmpty(name)) required(errors, `${at}.name`);
    else if (names.has(name)) duplicate(errors, `${at}.name`, name);
    else {
      for (const wrong of label(name)) invalid(errors, `${at}.name`, name, wrong);
      names.add(name);
    }
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      invalid(errors, at, internalForm("PodResourceClaim", claim), "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified");
    } else if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      invalid(errors, at, internalForm("PodResourceClaim", claim), "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
    }
    for (const wrong of resourceClaimName === undefined ? [] : rule(resourceClaimName)) invalid(errors, `${at}.resourceClaimName`, resourceClaimName, wrong);
    for (const wrong of resourceClaimTemplateName === undefined ? [] : rule(resourceClaimTemplateName)) invalid(errors, `${at}.resourceClaimTemplateName`, resourceClaimTemplateName, wrong);
  });
}

export function validateResizePolicy(errors: Errors, path: string, policies: readonly ContainerResizePolicy[] | undefined, podRestartPolicy: string | undefined): void {
  const seen = new Set<string>();
  policies?.forEach(({ resourceName, restartPolicy }, index) => {
    if (seen.has(resourceName ?? "")) duplicate(errors, `${path}[${index}]`, resourceName ?? "");
    seen.add(resourceName ?? "");
    if (resourceName === undefined || isEmpty(resourceName)) required(errors, path);
    else if (resourceName !== "cpu" && resourceName !== "memory") notSupported(errors, path, resourceName, ["cpu", "memory"]);
    if (isEmpty(restartPolicy)) required(errors, path);
    else if (restartPolicy !== "NotRequired" && restartPolicy !== "RestartContainer") notSupported(errors, path, restartPolicy, ["NotRequired", "RestartContainer"]);
    if (podRestartPolicy === "Never" && restartPolicy !== "NotRequired") invalid(errors, path, restartPolicy ?? "", "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
  });
}


/** The status of a pod: what devices and controllers say of it must fit the pod. */
import { isIP } from "node:net";
import { dns1123Label, dns1123Subdomain, qualifiedName } from "../../names.ts";
import type { Container, ContainerStatus, Pod, PodCondition, PodExtendedResourceClaimStatus, PodResourceClaimStatus, PodStatus } from "../../types.gen.ts";
import { ipAddress } from "./addresses.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, notSupported, required, tooLong } from "./errors.ts";

export function validatePodStatusUpdate(errors: Errors, next: Pod, old: Pod): void {
  const status: PodStatus = next.status ?? {};
  const was: PodStatus = old.status ?? {};
  conditions(errors, status.conditions ?? []);
  if (!isEmpty(status.nominatedNodeName)) check(errors, "status.nominatedNodeName", status.nominatedNodeName ?? "", dns1123Subdomain);
  if (status.qosClass !== was.qosClass) invalid(errors, "status.qosClass", status.qosClass ?? "", "field is immutable");
  for (const list of ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] as const) {
    staysTerminated(errors, `status.${list}`, { next: status[list], old: was[list], may: list === "ephemeralContainerStatuses" ? () => false : mayRestart(old) });
  }
  claims(errors, status.resourceClaimStatuses ?? [], next.spec?.resourceClaims ?? []);
  if (status.extendedResourceClaimStatus !== undefined) extendedClaim(errors, status.extendedResourceClaimStatus, next);
  addresses(errors, "podIPs", status.podIPs);
  addresses(errors, "hostIPs", status.hostIPs);
  devicesOf(errors, "status.containerStatuses", status.containerStatuses ?? [], next.spec?.containers ?? []);
  devicesOf(errors, "status.initContainerStatuses", status.initContainerStatuses ?? [], next.spec?.initContainers ?? []);
  status.ephemeralContainerStatuses?.forEach(({ allocatedResourcesStatus = [] }, index) => {
    if (allocatedResourcesStatus.length > 0) forbidden(errors, `status.ephemeralContainerStatuses[${index}].allocatedResourcesStatus`, "must not be specified in container status");
  });
}

/** Those of Kubernetes need no domain, and "Type" is written so in Kubernetes. */
function conditions(errors: Errors, list: readonly PodCondition[]): void {
  list.forEach(({ type, observedGeneration = 0 }, index) => {
    const at = `status.conditions[${index}]`;
    if (observedGeneration < 0) invalid(errors, `${at}.observedGeneration`, observedGeneration, "must be a non-negative integer");
    if (!["PodScheduled", "Ready", "Initialized"].includes(type)) check(errors, `${at}.Type`, type ?? "", qualifiedName);
  });
}

/** Claims that were made for the pod (KEP-4381). */
function claims(errors: Errors, list: readonly PodResourceClaimStatus[], asked: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  list.forEach(({ name = "", resourceClaimName }, index) => {
    const at = `status.resourceClaimStatuses[${index}]`;
    if (!asked.some((claim) => claim.name === name)) invalid(errors, `${at}.name`, name, "must match the name of an entry in `spec.resourceClaims`");
    if (seen.has(name)) duplicate(errors, `${at}.name`, name);
    seen.add(name);
    if (resourceClaimName !== undefined) check(errors, `${at}.resourceClaimName`, resourceClaimName, dns1123Subdomain);
  });
}

/** The claim for extended resources that are devices (KEP-5004). */
function extendedClaim(errors: Errors, { requestMappings = [], resourceClaimName }: PodExtendedResourceClaimStatus, { spec }: Pod): void {
  const at = "status.extendedResourceClaimStatus";
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  if (requestMappings.length === 0) required(errors, `${at}.requestMappings`, "at least one request mapping is required");
  const seen = new Set<string>();
  requestMappings.forEach(({ containerName = "", resourceName = "", requestName = "" }, index) => {
    const path = `${at}.requestMappings[${index}]`;
    const container = containers.find(({ name }) => name === containerName);
    if (container === undefined) invalid(errors, `${path}.containerName`, containerName, "must match the name of an entry in spec.initContainers.name or spec.containers.name");
    else if (container.resources?.requests?.[resourceName] === undefined) {
      invalid(errors, `${path}.resourceName`, resourceName, "must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests");
    }
    check(errors, `${at}.requestName`, requestName, dns1123Label);
    const key = JSON.stringify([containerName, resourceName, requestName]);
    if (seen.has(key)) for (const [field, value] of Object.entries({ containerName, resourceName, requestName })) duplicate(errors, `${path}.${field}`, value);
    seen.add(key);
  });
  if (isEmpty(resourceClaimName)) required(errors, `${at}.resourceClaimName`);
  else check(errors, `${at}.resourceClaimName`, resourceClaimName ?? "", dns1123Subdomain);
}

const HEALTH = ["Healthy", "Unhealthy", "Unknown"];
const MESSAGE_LENGTH = 256;

/** The devices of a container and how they are (KEP-4680). */
function devicesOf(errors: Errors, at: string, list: readonly ContainerStatus[], containers: readonly Container[]): void {
  list.forEach(({ name: container, allocatedResourcesStatus = [] }, index) => {
    const found = containers.find((each) => each.name === container);
    allocatedResourcesStatus.forEach(({ name = "", resources = [] }, number) => {
      const path = `${at}[${index}].allocatedResourcesStatus[${number}]`;
      if (found !== undefined) named(errors, `${path}.name`, name, found);
      const seen = new Set<string>();
      resources.forEach(({ resourceID = "", health = "", message }, place) => {
        if (!HEALTH.includes(health)) notSupported(errors, `${path}.resources[${place}].health`, health, HEALTH);
        if (message === "") required(errors, `${path}.resources[${place}].message`, "must be non-empty if specified");
        else if ((message ?? "").length > MESSAGE_LENGTH) tooLong(errors, `${path}.resources[${place}].message`, MESSAGE_LENGTH);
        if (seen.has(resourceID)) duplicate(errors, `${path}.resources[${place}].resourceID`, resourceID);
        seen.add(resourceID);
      });
    });
  });
}

function named(errors: Errors, at: string, name: string, { resources }: Container): void {
  if (!name.startsWith("claim:")) {
    if (resources?.requests?.[name] === undefined) invalid(errors, at, name, "must match one of the container's resource requests");
  } else if (!resources?.claims?.some((claim) => name === `claim:${claim.name}${isEmpty(claim.request) ? "" : `/${claim.request}`}`)) {
    invalid(errors, at, name, "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty");
  }
}

/** Whether a container that ended with this code may run again: sidecars, containers' own policies and rules count (KEP-753, KEP-5307). */
function mayRestart({ spec }: Pod): (name: string, exitCode: number) => boolean {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  if (containers.some(({ restartPolicyRules = [] }) => restartPolicyRules.some(({ action }) => action === "RestartAllContainers"))) return () => true;
  return (name, exitCode) => {
    const container = containers.find((each) => each.name === name);
    const policy = container?.restartPolicy ?? spec?.restartPolicy ?? "Always";
    return policy === "Always" || (policy === "OnFailure" && exitCode !== 0) || (container?.restartPolicyRules ?? []).length > 0;
  };
}

interface Transition {
  readonly next: readonly ContainerStatus[] | undefined;
  readonly old: readonly ContainerStatus[] | undefined;
  readonly may: (name: string, exitCode: number) => boolean;
}

function staysTerminated(errors: Errors, path: string, { next, old, may }: Transition): void {
  old?.forEach(({ name, state }, index) => {
    if (state?.terminated === undefined || may(name, state.terminated.exitCode)) return;
    const now = next?.find((one) => one.name === name);
    if (now !== undefined && now.state?.terminated === undefined) forbidden(errors, `${path}[${index}].state`, "may not be transitioned to non-terminated state");
  });
}

function addresses(errors: Errors, field: string, list: readonly { readonly ip: string }[] | undefined): void {
  if (list === undefined) return;
  const seen = new Set<string>();
  list.forEach(({ ip }, index) => {
    check(errors, `status.${field}[${index}]`, ip ?? "", ipAddress);
    if (seen.has(ip)) duplicate(errors, `status.${field}[${index}]`, { IP: ip });
    seen.add(ip);
  });
  const families = list.map(({ ip }) => isIP(ip));
  if (list.length > 2 || (list.length === 2 && families[0] === families[1])) {
    invalid(errors, `status.${field}`, list.map(({ ip }) => ({ IP: ip })), "may specify no more than one IP for each IP family");
  }
}

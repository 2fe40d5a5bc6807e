/** A pod spec, in a pod or in a template: its parts in the order in which Kubernetes reports them. */
import { dns1123Label, dns1123Subdomain, qualifiedName } from "../../names.ts";
import type { PodSpec } from "../../types.gen.ts";
import { validateAffinity } from "./affinity.ts";
import { type Surroundings, validateContainers, validateEphemeralContainers, validateInitContainers } from "./containers.ts";
import { validateDnsConfig, validateDnsPolicy, validateHostAliases } from "./dns.ts";
import { validateFileVolumes } from "./env.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, notSupported, required } from "./errors.ts";
import { validateLabels } from "./labels.ts";
import { inRange } from "./numbers.ts";
import { validatePodResources } from "./pod-resources.ts";
import { claimNamesOf, validateResourceClaims, validateResources } from "./resources.ts";
import { validateHostUsers, validateOs, validatePodSecurityContext } from "./security-context.ts";
import { validateTolerations } from "./tolerations.ts";
import { validateTopologySpread } from "./topology-spread.ts";
import { validateVolumes } from "./volumes.ts";

const LARGEST_INT32 = 2_147_483_647;
/** a Linux host name has no more */
const HOSTNAME_LENGTH = 64;
const RESTART_POLICIES = ["Always", "OnFailure", "Never"];

export interface PodSpecPlace {
  /** of the pod, for the names of the claims that it brings; empty in templates */
  readonly podName: string;
  readonly isPod: boolean;
}

export function validatePodSpec(errors: Errors, path: string, spec: PodSpec, { podName, isPod }: PodSpecPlace): void {
  const volumes = validateVolumes(errors, `${path}.volumes`, spec.volumes, { podName, isPod });
  if (spec.resourceClaims !== undefined) validateResourceClaims(errors, `${path}.resourceClaims`, spec.resourceClaims, dns1123Subdomain, dns1123Label);
  const around: Surroundings = { spec, volumes, claims: claimNamesOf(spec.resourceClaims) };
  validateContainers(errors, `${path}.containers`, around);
  validateInitContainers(errors, `${path}.initContainers`, around);
  validateEphemeralContainers(errors, `${path}.ephemeralContainers`, around);
  if (spec.resources !== undefined) validatePodResources(errors, `${path}.resources`, spec, around.claims);
  if (spec.hostNetwork === true) validateHostNetwork(errors, path, spec, isPod);
  if (isEmpty(spec.restartPolicy)) required(errors, `${path}.restartPolicy`);
  else if (!RESTART_POLICIES.includes(spec.restartPolicy ?? "")) notSupported(errors, `${path}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES);
  validateDnsPolicy(errors, `${path}.dnsPolicy`, spec.dnsPolicy);
  validateLabels(errors, `${path}.nodeSelector`, spec.nodeSelector);
  validatePodSecurityContext(errors, `${path}.securityContext`, spec);
  validateAffinity(errors, `${path}.affinity`, spec.affinity);
  validateDnsConfig(errors, `${path}.dnsConfig`, spec.dnsConfig, spec.dnsPolicy);
  spec.readinessGates?.forEach(({ conditionType }, index) => check(errors, `${path}.readinessGates[${index}].conditionType`, conditionType ?? "", qualifiedName));
  validateSchedulingGates(errors, `${path}.schedulingGates`, spec);
  validateTopologySpread(errors, `${path}.topologySpreadConstraints`, spec.topologySpreadConstraints);
  validateHostUsers(errors, path, spec);
  validateNames(errors, path, spec);
  validateTolerations(errors, `${path}.tolerations`, spec.tolerations);
  validateHostAliases(errors, `${path}.hostAliases`, spec.hostAliases);
  if (!isEmpty(spec.priorityClassName)) check(errors, `${path}.priorityClassName`, spec.priorityClassName ?? "", dns1123Subdomain);
  if (spec.runtimeClassName !== undefined) check(errors, `${path}.runtimeClassName`, spec.runtimeClassName, dns1123Subdomain);
  const { preemptionPolicy } = spec;
  if (preemptionPolicy !== undefined && !["PreemptLowerPriority", "Never"].includes(preemptionPolicy)) {
    notSupported(errors, `${path}.preemptionPolicy`, preemptionPolicy, ["PreemptLowerPriority", "Never"]);
  }
  if (spec.overhead !== undefined) validateResources(errors, `${path}.overhead`, { limits: spec.overhead }, undefined);
  validateOs(errors, path, spec);
  validateHostnameOverride(errors, path, spec);
  validateFileVolumes(errors, path, spec);
}

function validateHostNetwork(errors: Errors, path: string, { containers }: PodSpec, isPod: boolean): void {
  containers?.forEach(({ ports }, index) => {
    ports?.forEach(({ hostPort = 0, containerPort }, number) => {
      if ((isPod || hostPort !== 0) && hostPort !== containerPort) {
        invalid(errors, `${path}.containers[${index}].ports[${number}].hostPort`, hostPort, "must match `containerPort` when `hostNetwork` is true");
      }
    });
  });
}

function validateSchedulingGates(errors: Errors, path: string, { schedulingGates }: PodSpec): void {
  const seen = new Set<string>();
  schedulingGates?.forEach(({ name }, index) => {
    check(errors, `${path}[${index}]`, name ?? "", qualifiedName);
    if (seen.has(name)) duplicate(errors, `${path}[${index}]`, name);
    seen.add(name);
  });
}

function validateNames(errors: Errors, path: string, spec: PodSpec): void {
  if (!isEmpty(spec.serviceAccountName)) check(errors, `${path}.serviceAccountName`, spec.serviceAccountName ?? "", dns1123Subdomain);
  if (!isEmpty(spec.nodeName)) check(errors, `${path}.nodeName`, spec.nodeName ?? "", dns1123Subdomain);
  const { activeDeadlineSeconds: deadline } = spec;
  if (deadline !== undefined && (deadline < 1 || deadline > LARGEST_INT32)) invalid(errors, `${path}.activeDeadlineSeconds`, deadline, inRange(1, LARGEST_INT32));
  for (const field of ["hostname", "subdomain"] as const) if (!isEmpty(spec[field])) check(errors, `${path}.${field}`, spec[field] ?? "", dns1123Label);
}

function validateHostnameOverride(errors: Errors, path: string, { hostnameOverride, setHostnameAsFQDN, hostNetwork }: PodSpec): void {
  if (hostnameOverride === undefined) return;
  const at = `${path}.hostnameOverride`;
  check(errors, at, hostnameOverride, dns1123Subdomain);
  if (hostnameOverride.length > HOSTNAME_LENGTH) invalid(errors, at, hostnameOverride, `must be no more than ${HOSTNAME_LENGTH} characters`);
  if (hostNetwork === true) forbidden(errors, at, "may not be specified when hostNetwork is true");
  if (setHostnameAsFQDN === true) forbidden(errors, `${path}.setHostnameAsFQDN`, "may not be specified when hostnameOverride is specified");
}

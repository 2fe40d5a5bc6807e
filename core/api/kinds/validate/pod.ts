/** Pods: metadata that matters, the spec, and what only a pod has to follow, not a template. */
import { isIP } from "node:net";
import type { ContainerStatus, Pod, PodStatus } from "../../types.gen.ts";
import { dns1123Subdomain } from "../../names.ts";
import { ipAddress } from "./addresses.ts";
import { validateImageText } from "./containers.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, required } from "./errors.ts";
import { validatePodAnnotations } from "./pod-annotations.ts";
import { validatePodSpec } from "./pod-spec.ts";


/** What holds on create and on every update. */
export function validatePod(errors: Errors, { metadata, spec }: Pod): void {
  validatePodAnnotations(errors, "metadata.annotations", metadata.annotations, spec);
  if (spec === undefined) return required(errors, "spec.containers");
  validatePodSpec(errors, "spec", spec, { podName: metadata.name ?? "", isPod: true });
  if (isEmpty(spec.serviceAccountName)) {
    spec.volumes?.forEach(({ projected }, index) => {
      projected?.sources?.forEach(({ serviceAccountToken }, number) => {
        if (serviceAccountToken === undefined) return;
        forbidden(errors, `spec.volumes[${index}].projected.sources[${number}].serviceAccountToken`, "must not be specified when serviceAccountName is not set");
      });
    });
  }
  for (const list of ["containers", "initContainers"] as const) {
    spec[list]?.forEach((container, index) => {
      const { image = "" } = container;
      if (image.length !== image.trim().length) validateImageText(errors, `spec.${list}[${index}]`, container);
    });
  }
}

export function validatePodCreate(errors: Errors, pod: Pod): void {
  validatePod(errors, pod);
  const { ephemeralContainers = [], nodeName, schedulingGates = [] } = pod.spec ?? {};
  if (ephemeralContainers.length > 0) forbidden(errors, "spec.ephemeralContainers", "cannot be set on create");
  if (!isEmpty(nodeName) && schedulingGates.length > 0) forbidden(errors, "spec.nodeName", "cannot be set until all schedulingGates have been cleared");
}

export function validatePodStatusUpdate(errors: Errors, next: Pod, old: Pod): void {
  const status: PodStatus = next.status ?? {};
  const was: PodStatus = old.status ?? {};
  if (!isEmpty(status.nominatedNodeName)) check(errors, "status.nominatedNodeName", status.nominatedNodeName ?? "", dns1123Subdomain);
  if (status.qosClass !== was.qosClass) invalid(errors, "status.qosClass", status.qosClass ?? "", "field is immutable");
  for (const list of ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] as const) {
    staysTerminated(errors, `status.${list}`, { next: status[list], old: was[list], may: list === "ephemeralContainerStatuses" ? () => false : mayRestart(old) });
  }
  addresses(errors, "podIPs", status.podIPs);
  addresses(errors, "hostIPs", status.hostIPs);
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

/** Security contexts of pod and container as CRI messages; the container's word wins over the pod's. */
import type { Pod, SeccompProfile } from "../../../core/api/types.gen.ts";
import type { ContainerPlan } from "../runtime.ts";
import { GROUPS_POLICY, NAMESPACE, PROFILE, type M } from "./messages.ts";
import { userNamespace } from "./user-ids.ts";

/** What a container must not see of the kernel unless procMount says otherwise: containerd's own defaults (oci/spec.go). */
const MASKED = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"];
const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** Both sandbox and containers need it: CRI's zero value would put containers into the sandbox's process namespace. */
export function namespaces(pod: Pod, firstUserId?: number): M<"NamespaceOption"> {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec ?? {};
  return {
    network: hostNetwork === true ? NAMESPACE.node : NAMESPACE.pod,
    pid: hostPID === true ? NAMESPACE.node : shareProcessNamespace === true ? NAMESPACE.pod : NAMESPACE.container,
    ipc: hostIPC === true ? NAMESPACE.node : NAMESPACE.pod,
    userns_options: userNamespace(firstUserId),
  };
}

export interface SandboxSecurity {
  readonly seccompRoot: string;
  /** the kernel can confine programs */
  readonly seccomp: boolean;
}

export function sandboxSecurity(pod: Pod, { seccompRoot, seccomp }: SandboxSecurity, firstUserId?: number): M<"LinuxSandboxSecurityContext"> {
  const context = pod.spec?.securityContext;
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return {
    namespace_options: namespaces(pod, firstUserId),
    privileged: containers.some(({ securityContext }) => securityContext?.privileged === true),
    ...(context?.runAsUser === undefined ? {} : { run_as_user: { value: context.runAsUser } }),
    ...(context?.runAsUser === undefined || context.runAsGroup === undefined ? {} : { run_as_group: { value: context.runAsGroup } }),
    supplemental_groups: groups(pod),
    supplemental_groups_policy: groupsPolicy(pod),
    // the pause process needs no more than this
    seccomp: context?.seccompProfile === undefined ? { profile_type: seccomp ? PROFILE.RuntimeDefault : PROFILE.Unconfined } : profile(context.seccompProfile, seccompRoot),
  };
}

export function containerSecurity({ pod, container, image, target }: ContainerPlan, seccompRoot: string, firstUserId?: number): M<"LinuxContainerSecurityContext"> {
  const shared = pod.spec?.securityContext;
  const own = container.securityContext;
  const user = own?.runAsUser ?? shared?.runAsUser ?? image.user?.uid;
  const group = own?.runAsGroup ?? shared?.runAsGroup;
  const seccomp = own?.seccompProfile ?? shared?.seccompProfile;
  const appArmor = own?.appArmorProfile ?? shared?.appArmorProfile;
  const unmasked = own?.procMount === "Unmasked" || own?.privileged === true;
  return {
    privileged: own?.privileged === true,
    namespace_options: target === undefined ? namespaces(pod, firstUserId) : { ...namespaces(pod, firstUserId), pid: NAMESPACE.target, target_id: target },
    capabilities: { add_capabilities: own?.capabilities?.add?.map(capability), drop_capabilities: own?.capabilities?.drop?.map(capability) },
    ...(user === undefined ? (image.user?.name === undefined ? {} : { run_as_username: image.user.name }) : { run_as_user: { value: user } }),
    ...(group === undefined ? {} : { run_as_group: { value: group } }),
    readonly_rootfs: own?.readOnlyRootFilesystem === true,
    supplemental_groups: groups(pod),
    supplemental_groups_policy: groupsPolicy(pod),
    no_new_privs: own?.allowPrivilegeEscalation === false,
    ...(unmasked ? {} : { masked_paths: MASKED, readonly_paths: READ_ONLY }),
    seccomp: seccomp === undefined ? { profile_type: PROFILE.Unconfined } : profile(seccomp, seccompRoot),
    ...(appArmor === undefined ? {} : { apparmor: { profile_type: PROFILE[appArmor.type as keyof typeof PROFILE], localhost_ref: appArmor.localhostProfile ?? "" } }),
  };
}

function groups(pod: Pod): number[] {
  const { fsGroup, supplementalGroups = [] } = pod.spec?.securityContext ?? {};
  return [...new Set([...(fsGroup === undefined ? [] : [fsGroup]), ...supplementalGroups])];
}

function groupsPolicy(pod: Pod): number {
  return pod.spec?.securityContext?.supplementalGroupsPolicy === "Strict" ? GROUPS_POLICY.Strict : GROUPS_POLICY.Merge;
}

function profile({ type, localhostProfile = "" }: SeccompProfile, root: string): M<"SecurityProfile"> {
  if (type === "RuntimeDefault") return { profile_type: PROFILE.RuntimeDefault };
  return type === "Localhost" ? { profile_type: PROFILE.Localhost, localhost_ref: `${root}/${localhostProfile}` } : { profile_type: PROFILE.Unconfined };
}

function capability(name: string): string {
  return name.toUpperCase().replace(/^CAP_/, "");
}

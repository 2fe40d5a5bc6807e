/** Pods and containers as CRI wants them. Pure. */
import { dirname, relative } from "node:path";
import type { Pod } from "../../../core/api/types.gen.ts";
import type { ContainerPlan, SandboxOptions } from "../runtime.ts";
import type { CgroupVersion } from "./cgroup-values.ts";
import { ANNOTATION, LABEL } from "./labels.ts";
import { PROPAGATION, PROTOCOL, type M } from "./messages.ts";
import { podCgroup } from "./pod-cgroup.ts";
import { containerResources } from "./resources.ts";
import { containerSecurity, sandboxSecurity } from "./security.ts";
import { idMapping } from "./user-ids.ts";

export interface ConfigContext {
  readonly device: string;
  readonly cgroups: { readonly root: string; readonly version: CgroupVersion };
  readonly seccompRoot: string;
  /** false: this kernel cannot confine programs */
  readonly seccomp?: boolean;
  readonly memoryBytes: number;
}

/** `firstUserId`: host id of the pod's root; undefined: the pod has no user namespace */
export function sandboxConfig(context: ConfigContext, pod: Pod, { logDirectory, attempt, hostname, dns }: SandboxOptions, firstUserId?: number): M<"PodSandboxConfig"> {
  const { name = "", namespace = "", uid = "", labels = {}, annotations = {} } = pod.metadata;
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return {
    metadata: { name, namespace, uid, attempt },
    hostname,
    log_directory: logDirectory,
    dns_config: dns,
    port_mappings: pod.spec?.hostNetwork === true ? [] : containers.flatMap(({ ports = [] }) =>
      ports.flatMap(({ containerPort, hostPort, protocol, hostIP }) => hostPort === undefined || hostPort === 0 ? [] : [{
        protocol: PROTOCOL[protocol ?? "TCP"], container_port: containerPort, host_port: hostPort, host_ip: hostIP,
      }])),
    labels: { ...labels, [LABEL.podName]: name, [LABEL.podNamespace]: namespace, [LABEL.podUid]: uid, [LABEL.device]: context.device },
    annotations: { ...annotations, [ANNOTATION.hostname]: hostname, [ANNOTATION.logDirectory]: logDirectory, ...(firstUserId === undefined ? {} : { [ANNOTATION.userIds]: String(firstUserId) }) },
    linux: {
      cgroup_parent: podCgroup(context.cgroups.root, pod),
      security_context: sandboxSecurity(pod, { seccompRoot: context.seccompRoot, seccomp: context.seccomp !== false }, firstUserId),
      sysctls: Object.fromEntries((pod.spec?.securityContext?.sysctls ?? []).map(({ name: key, value }) => [key, value])),
    },
  };
}

export function containerConfig(context: ConfigContext, plan: ContainerPlan, firstUserId?: number): M<"ContainerConfig"> {
  const { pod, container, attempt, image } = plan;
  // files of the device appear with the pod's ids and stay the device's
  const mapped = firstUserId === undefined ? {} : { uid_mappings: idMapping(firstUserId), gid_mappings: idMapping(firstUserId) };
  return {
    metadata: { name: container.name, attempt },
    image: { image: image.id, user_specified_image: container.image },
    command: plan.command,
    args: plan.args,
    working_dir: container.workingDir,
    envs: plan.env.map(({ name, value }) => ({ key: name, value })),
    mounts: plan.mounts.map(({ containerPath, hostPath, readOnly, recursiveReadOnly, propagation = "None" }) => ({
      container_path: containerPath, host_path: hostPath, readonly: readOnly, recursive_read_only: recursiveReadOnly === "Enabled", propagation: PROPAGATION[propagation], ...mapped,
    })),
    devices: (plan.devices ?? []).map(({ containerPath, hostPath, permissions }) => ({ container_path: containerPath, host_path: hostPath, permissions })),
    labels: {
      [LABEL.podName]: pod.metadata.name ?? "", [LABEL.podNamespace]: pod.metadata.namespace ?? "", [LABEL.podUid]: pod.metadata.uid ?? "",
      [LABEL.containerName]: container.name, [LABEL.device]: context.device,
    },
    annotations: { ...plan.annotations, [ANNOTATION.containerHash]: plan.specHash, [ANNOTATION.restartCount]: String(attempt) },
    log_path: relative(logDirectoryOf(plan), plan.logPath),
    stdin: container.stdin,
    stdin_once: container.stdinOnce,
    tty: container.tty,
    linux: { resources: containerResources(pod, container, context.memoryBytes, context.cgroups.version), security_context: containerSecurity(plan, context.seccompRoot, firstUserId) },
  };
}

/** Logs are `<directory of the sandbox>/<container>/<attempt>.log`. */
export function logDirectoryOf({ logPath }: ContainerPlan): string {
  return dirname(dirname(logPath));
}

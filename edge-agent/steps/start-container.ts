/** A container from spec to process: image, environment, mounts, creation, start. Each can fail with a reason of its own. */
import type { Container, EphemeralContainer, Pod } from "../../core/api/types.gen.ts";
import { IMAGE_PULL, LOCAL } from "../backoff.ts";
import { findContainer, latest, podTitle, specHash } from "../containers.ts";
import { NOTHING } from "../devices/device-source.ts";
import { ConfigError, environment, expand } from "../environment.ts";
import { container as memoryOf, restarted, troubled, withContainer, type MemoryChange, type Problem } from "../memory.ts";
import { hostsFile } from "../network/hosts-file.ts";
import { podHostname } from "../network/names.ts";
import { ImageError, type ContainerPlan, type ImageOnDevice, type Mount } from "../runtimes/runtime.ts";
import { ensureImage } from "./ensure-image.ts";
import { factsOf, textOf, unchanged, type Executor, type StepContext } from "./executor.ts";

export const startContainer: Executor<"startContainer"> = async ({ container: name, attempt, created }, context) => {
  const { device, pod, runtime, running } = context;
  const container = pod === undefined ? undefined : findContainer(pod, name);
  if (pod === undefined || container === undefined || running === undefined) return unchanged;
  const failed = (problem: Problem, tell = true): MemoryChange => {
    device.meter?.count("kubelet_started_containers_errors_total", { code: problem.reason, container_type: typeOf(pod, name) });
    if (tell) device.events.pod(pod, { type: "Warning", reason: "Failed", message: `Error: ${problem.message}`, container: name });
    const now = device.clock.now();
    const rule = problem.reason === "ErrImagePull" || problem.reason === "RegistryUnavailable" ? IMAGE_PULL : LOCAL;
    return (memory) => withContainer(memory, name, { trouble: troubled(memoryOf(memory, name).trouble, problem, now, rule) });
  };

  let containerId = created;
  if (containerId === undefined) {
    let image: ImageOnDevice;
    try {
      image = await ensureImage(context, pod, container);
      await mountImages(context, pod, container);
    } catch (error) {
      if (context.signal.aborted) return unchanged;
      if (error instanceof ImageError) return failed({ reason: error.reason, message: error.message }, false);
      return failed({ reason: "CreateContainerConfigError", message: textOf(error) });
    }
    let plan: ContainerPlan;
    try {
      plan = await containerPlan(context, pod, container, attempt, image);
    } catch (error) {
      return failed({ reason: "CreateContainerConfigError", message: textOf(error) });
    }
    if (context.signal.aborted) return unchanged;
    try {
      containerId = await device.starts.run(() => runtime.createContainer(running.sandboxId, plan));
    } catch (error) {
      return failed({ reason: "CreateContainerError", message: textOf(error) });
    }
    device.events.pod(pod, { type: "Normal", reason: "Created", message: "Container created", container: name });
  }
  const applied = { id: containerId, resources: container.resources ?? {} };
  context.note((memory) => withContainer(memory, name, { applied }));
  const dead = latest(running, name);
  const now = device.clock.now();
  const change: MemoryChange = (memory) => {
    const calm = withContainer(memory, name, { trouble: undefined });
    return dead?.state === "exited" && dead.blameless !== true ? restarted(calm, name, dead.finishedAt ?? dead.createdAt, now) : calm;
  };
  const id = containerId;
  // before the start: whoever sees the container run has to know that its hook is due
  if (container.lifecycle?.postStart !== undefined) context.note((memory) => withContainer(memory, name, { postStart: id }));
  try {
    const open = await device.isolate?.(pod);
    if (open !== undefined) device.events.pod(pod, { type: "Warning", reason: "NetworkPolicyNotEnforced", message: open });
    await device.starts.run(() => runtime.startContainer(id));
  } catch (error) {
    device.meter?.count("kubelet_started_containers_errors_total", { code: "RunContainerError", container_type: typeOf(pod, name) });
    device.events.pod(pod, { type: "Warning", reason: "Failed", message: `Error: ${textOf(error)}`, container: name });
    // the runtime keeps it as an exited container: the restart policy and the crash back-off take over; else it is tried again
    const problem = { reason: "RunContainerError", message: textOf(error) };
    return (memory) => withContainer(change(memory), name, { unstarted: { id, ...troubled(memoryOf(memory, name).unstarted, problem, device.clock.now(), LOCAL) } });
  }
  device.meter?.count("kubelet_started_containers_total", { container_type: typeOf(pod, name) });
  device.events.pod(pod, { type: "Normal", reason: "Started", message: "Container started", container: name });
  return change;
};

/** @throws Error: shown as CreateContainerConfigError */
async function containerPlan(context: StepContext, pod: Pod, container: Container | EphemeralContainer, attempt: number, image: ImageOnDevice): Promise<ContainerPlan> {
  const { device } = context;
  refuseRoot(pod, container, image);
  const facts = factsOf(context, pod);
  const envFiles = await readEnvFiles(context, pod, container);
  const variables = environment(facts, container, device.objects, (volume, path) => envFiles.get(`${volume}\n${path}`));
  const mounts = await settleReadOnly(context, await device.volumes.mountsOf(pod, container, variables));
  const files = await ownFiles(context, pod, container, attempt, facts.podIPs);
  const granted = (await device.devices?.allocate(pod, container)) ?? NOTHING;
  return {
    pod,
    container,
    attempt,
    image,
    ...targetOf(context, container),
    command: (container.command ?? []).map((part) => expand(part, variables)),
    args: (container.args ?? []).map((part) => expand(part, variables)),
    env: [...[...variables].map(([name, value]) => ({ name, value })), ...granted.env.filter(({ name }) => !variables.has(name))],
    mounts: [...mounts, ...files.mounts, ...granted.mounts],
    devices: granted.nodes,
    logPath: files.logPath,
    specHash: specHash(container),
    annotations: granted.annotations,
  };
}

/** Volumes that are images (KEP-4639): pulled like that of the container, before the first container that has them. */
async function mountImages(context: StepContext, pod: Pod, container: Container | EphemeralContainer): Promise<void> {
  const { device, runtime } = context;
  for (const { name } of container.volumeMounts ?? []) {
    const source = pod.spec?.volumes?.find((volume) => volume.name === name)?.image;
    if (source === undefined) continue;
    await device.volumes.mountImage(pod, name, async () => {
      if (runtime.imageMount === undefined) throw new ImageError("ErrImagePull", `volume "${name}" is an image, which the ${runtime.handler} runtime cannot mount`);
      const { reference = "", pullPolicy } = source;
      const image = await ensureImage(context, pod, { name: container.name, image: reference, ...(pullPolicy === undefined ? {} : { imagePullPolicy: pullPolicy }) });
      return runtime.imageMount(image, context.id.uid, name);
    });
  }
}

async function readEnvFiles({ device }: StepContext, pod: Pod, container: Container | EphemeralContainer): Promise<ReadonlyMap<string, string | undefined>> {
  const out = new Map<string, string | undefined>();
  for (const { valueFrom } of container.env ?? []) {
    const file = valueFrom?.fileKeyRef;
    if (file !== undefined) out.set(`${file.volumeName}\n${file.path}`, await device.volumes.read(pod, file.volumeName, file.path));
  }
  return out;
}

/** Whether "all the way down" is possible is the runtime's to say. */
async function settleReadOnly({ runtime }: StepContext, mounts: readonly Mount[]): Promise<readonly Mount[]> {
  if (!mounts.some(({ recursiveReadOnly }) => recursiveReadOnly !== undefined)) return mounts;
  const can = (await runtime.recursiveReadOnly?.()) === true;
  return mounts.map(({ recursiveReadOnly, ...mount }) => {
    if (recursiveReadOnly === "Enabled" && !can) throw new ConfigError(`failed to resolve recursive read-only mode: volume "${mount.volume ?? mount.containerPath}" requested recursive read-only mode, but it is not supported by the runtime`);
    return recursiveReadOnly !== undefined && can ? { ...mount, recursiveReadOnly: "Enabled" } : mount;
  });
}

/** A container for debugging may see the processes of another. */
function targetOf({ running }: StepContext, container: Container | EphemeralContainer): Pick<ContainerPlan, "target"> {
  const name = "targetContainerName" in container ? (container.targetContainerName ?? "") : "";
  if (name === "") return {};
  const target = latest(running, name);
  if (target?.state !== "running") throw new ConfigError(`unable to find target container ${name}`);
  return { target: target.id };
}

/** /etc/hosts and the termination message are files of the agent's that the container sees. */
async function ownFiles({ device, id }: StepContext, pod: Pod, container: Container | EphemeralContainer, attempt: number, podIPs: readonly string[]) {
  const taken = new Set((container.volumeMounts ?? []).map(({ mountPath }) => mountPath));
  const { domain } = device.clusterDns();
  const hostFile = pod.spec?.hostNetwork === true ? await device.hostsFile() : "";
  const hosts = taken.has("/etc/hosts") ? undefined : hostsFile({ pod, podIPs, hostname: podHostname(pod, domain), domain, hostFile });
  const messagePath = container.terminationMessagePath ?? "/dev/termination-log";
  const files = await device.files.containerFiles(id, container.name, attempt, { hosts, terminationLog: messagePath !== "" && !taken.has(messagePath) });
  const mounts: Mount[] = [];
  if (files.hostsFile !== undefined) mounts.push({ containerPath: "/etc/hosts", hostPath: files.hostsFile, readOnly: false });
  if (files.terminationLog !== undefined) mounts.push({ containerPath: messagePath, hostPath: files.terminationLog, readOnly: false });
  return { logPath: files.logPath, mounts };
}

function typeOf({ spec }: Pod, name: string): "container" | "init_container" | "ephemeral_container" {
  const named = (each: { readonly name: string }) => each.name === name;
  if (spec?.initContainers?.some(named) === true) return "init_container";
  return spec?.ephemeralContainers?.some(named) === true ? "ephemeral_container" : "container";
}

function refuseRoot(pod: Pod, container: Container | EphemeralContainer, image: ImageOnDevice): void {
  const own = container.securityContext;
  const shared = pod.spec?.securityContext;
  if ((own?.runAsNonRoot ?? shared?.runAsNonRoot) !== true) return;
  const where = `(pod: "${podTitle(pod)}", container: ${container.name})`;
  const user = own?.runAsUser ?? shared?.runAsUser;
  if (user === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${where}`);
  if (user !== undefined) return;
  const { uid, name } = image.user ?? {};
  if (name !== undefined && name !== "") throw new ConfigError(`container has runAsNonRoot and image has non-numeric user (${name}), cannot verify user is non-root ${where}`);
  if (uid === undefined || uid === 0) throw new ConfigError(`container has runAsNonRoot and image will run as root ${where}`);
}

/**
 * containerd behind the agent's Runtime interface. All state is read back from containerd: sandboxes carry the pod in
 * their labels, containers their name, attempt and spec hash, so an agent that starts knows what runs.
 */
import { rm } from "node:fs/promises";
import type { Clock } from "../../../core/api/clock.ts";
import type { Log } from "../../../core/api/log.ts";
import type { Pod } from "../../../core/api/types.gen.ts";
import type { Runtime, RuntimeFeatures } from "../runtime.ts";
import type { Meter } from "../../stats/meter.ts";
import { attachToContainer } from "./attach.ts";
import type { Cgroups } from "./cgroups.ts";
import { containerConfig, logDirectoryOf, sandboxConfig, type ConfigContext } from "./configs.ts";
import { containerdImages } from "./containerd-images.ts";
import { criClient } from "./cri.ts";
import { execInTask } from "./exec.ts";
import { followEvents } from "./follow-events.ts";
import { GRPC, GrpcError } from "./grpc.ts";
import { imageViews } from "./image-view.ts";
import { impassable } from "./impassable.ts";
import { ANNOTATION, LABEL } from "./labels.ts";
import { measuredCri } from "./measured-cri.ts";
import { missingIsFine } from "./missing-is-fine.ts";
import { podListing } from "./pod-listing.ts";
import { resizedResources } from "./resources.ts";
import { inFull, rpcText } from "./rpc-text.ts";
import { shimSocket } from "./shim-socket.ts";
import { podUsage } from "./usage.ts";
import { userIds, wantsUserNamespace } from "./user-ids.ts";

export interface ContainerdRuntimeOptions extends ConfigContext {
  readonly socket: string;
  /** containerd's; its default unless given */
  readonly snapshotter?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly cgroups: Cgroups;
  /** where exec sessions have their pipes; nothing of an earlier agent is in it */
  readonly pipes: string;
  /** called when the daemon does not answer: starts it again if it is ours */
  readonly revive?: (() => Promise<void>) | undefined;
  /** takes away what the daemon forgot of a sandbox or container that it has removed, if it is ours */
  readonly removeForgotten?: ((id: string) => Promise<void>) | undefined;
  readonly meter?: Meter | undefined;
}

/** containerd ends a command that is out of time itself; this is for one that it cannot end. */
const RUN_MARGIN_MS = 10_000;
const NO_BYTES = new Uint8Array();

export function containerdRuntime(options: ContainerdRuntimeOptions): Runtime {
  const { clock, log, device } = options;
  const client = criClient(options.socket);
  const cri = options.meter === undefined ? client : measuredCri(client, options.meter, clock);
  const views = imageViews(cri, options.snapshotter ?? "overlayfs");
  /** false once this kernel has said that it cannot confine programs */
  let seccomp = true;
  const listeners = new Set<(uid: string | undefined) => void>();
  const closing = new AbortController();
  const mine = { [LABEL.device]: device };
  const listing = podListing(cri, mine, { clock, log });
  const images = containerdImages(cri);
  const revive = async () => options.revive?.().catch((cause: unknown) => log.error({ error: String(cause) }, "containerd could not be started again"));


  const features = async (): Promise<RuntimeFeatures> => {
    const { runtime_handlers = [], features: whole } = await cri.call("Status", {});
    const handlers = runtime_handlers.map(({ name = "", features: { recursive_read_only_mounts = false, user_namespaces = false } = {} }) => ({
      name,
      recursiveReadOnlyMounts: recursive_read_only_mounts,
      userNamespaces: user_namespaces,
    }));
    return { handlers, ...(whole === undefined ? {} : { supplementalGroupsPolicy: whole.supplemental_groups_policy === true }) };
  };
  const defaultHandler = async () => (await features()).handlers.find(({ name }) => name === "");
  const users = userIds(async () => {
    const { items = [] } = await cri.call("ListPodSandbox", { filter: { label_selector: mine } });
    return items.flatMap(({ labels, annotations }) => {
      const first = firstUserIdOf(annotations);
      return first === undefined ? [] : [[labels?.[LABEL.podUid] ?? "", first] as const];
    });
  });
  const claimUserIds = async ({ metadata: { uid = "" } }: Pod): Promise<number> => {
    if ((await defaultHandler())?.userNamespaces !== true) throw new Error("can't set `spec.hostUsers: false`, runtime does not support user namespaces");
    // the device's data is beside it
    const closed = await impassable(options.seccompRoot);
    if (closed !== undefined) throw new Error(`can't set \`spec.hostUsers: false\`, ${closed} may not be entered by other users; allow it (chmod o+x ${closed}) or give the device a data directory elsewhere`);
    return users.claim(uid);
  };

  return {
    handler: "containerd",
    async version() {
      const { runtime_name = "containerd", runtime_version = "unknown" } = await cri.call("Version", {});
      return `${runtime_name}://${runtime_version.replace(/[~+].*$/, "")}`;
    },
    async health() {
      try {
        const { status } = await cri.call("Status", {});
        const failing = (status?.conditions ?? []).filter((condition) => condition.status !== true);
        if (failing.length === 0) return undefined;
        return failing.map(({ type, reason, message }) => `container runtime ${type === "NetworkReady" ? "network " : ""}not ready: ${type}=false reason:${reason} message:${message}`).join("; ");
      } catch (error) {
        // not waited for: whoever asks wants to hear of it now
        void revive();
        throw error;
      }
    },
    features,
    pods: listing.pods,
    changes(listener) {
      listeners.add(listener);
      if (listeners.size === 1) void followEvents(cri, { clock, signal: closing.signal, revive, hint: () => listeners.forEach((each) => each(undefined)) });
      return () => listeners.delete(listener);
    },

    image: images.image,
    pullImage: images.pullImage,
    images: images.images,
    removeImage: images.removeImage,

    async startSandbox(pod, sandbox) {
      const firstUserId = wantsUserNamespace(pod) ? await claimUserIds(pod) : undefined;
      await options.cgroups.ensurePod(pod);
      const run = () => cri.call("RunPodSandbox", { config: sandboxConfig({ ...options, seccomp }, pod, sandbox, firstUserId), runtime_handler: sandbox.handler });
      const { pod_sandbox_id = "" } = await inFull(
        run().catch((error: unknown) => {
          // a pod that asks for a profile itself is refused again
          if (!seccomp || !(error instanceof GrpcError) || !error.message.includes("seccomp is not supported")) throw error;
          log.warn({}, "this kernel has no seccomp: sandboxes run without it");
          seccomp = false;
          return run();
        }),
      );
      return pod_sandbox_id;
    },
    async stopSandbox(sandboxId) {
      listing.stopping(sandboxId);
      await missingIsFine(cri.call("StopPodSandbox", { pod_sandbox_id: sandboxId }));
      listing.changed(sandboxId);
    },
    async removeSandbox(sandboxId) {
      await missingIsFine(cri.call("StopPodSandbox", { pod_sandbox_id: sandboxId }));
      // its shim has ended; as long as the sandbox is listed, an agent after this one would do it again
      await rm(shimSocket(options.socket, sandboxId), { force: true });
      await missingIsFine(cri.call("RemovePodSandbox", { pod_sandbox_id: sandboxId }));
      await options.removeForgotten?.(sandboxId);
    },

    async createContainer(sandboxId, plan) {
      // containerd reads log directory, host name and cgroup parent from this copy, not from the sandbox
      const status = await listing.sandboxOf(sandboxId);
      const firstUserId = firstUserIdOf(status?.annotations);
      const sandbox = sandboxConfig(options, plan.pod, {
        logDirectory: logDirectoryOf(plan),
        attempt: status?.metadata?.attempt ?? 0,
        hostname: status?.annotations?.[ANNOTATION.hostname] ?? "",
        dns: { servers: [], searches: [], options: [] },
      }, firstUserId);
      const { container_id = "" } = await cri.call("CreateContainer", { pod_sandbox_id: sandboxId, config: containerConfig(options, plan, firstUserId), sandbox_config: sandbox });
      return container_id;
    },
    async startContainer(containerId) {
      await cri.call("StartContainer", { container_id: containerId });
    },
    async stopContainer(containerId, graceSeconds) {
      listing.stopping(containerId);
      await missingIsFine(cri.call("StopContainer", { container_id: containerId, timeout: graceSeconds }));
    },
    async removeContainer(containerId) {
      await missingIsFine(cri.call("RemoveContainer", { container_id: containerId }));
      await options.removeForgotten?.(containerId);
    },
    exec: (containerId, command) => execInTask(cri, options.pipes, containerId, command),
    async run(containerId, { command, timeoutMs, signal }) {
      const timeout = Math.max(1, Math.ceil(timeoutMs / 1000));
      try {
        const { exit_code = 0, stdout = NO_BYTES, stderr = NO_BYTES } = await cri.call("ExecSync", { container_id: containerId, cmd: command, timeout }, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs + RUN_MARGIN_MS)]) });
        return { exitCode: exit_code, output: Buffer.concat([stdout, stderr]) };
      } catch (error) {
        if ((error instanceof GrpcError && error.code === GRPC.deadlineExceeded) || signal.aborted) return { exitCode: undefined, output: NO_BYTES };
        throw error instanceof GrpcError ? new Error(rpcText(error), { cause: error }) : error;
      }
    },
    async reopenLog(containerId) {
      await cri.call("ReopenContainerLog", { container_id: containerId });
    },
    attach: (containerId, attachment) => attachToContainer(cri, containerId, attachment),
    async networkNamespace(sandboxId) {
      const { info = {} } = await cri.call("PodSandboxStatus", { pod_sandbox_id: sandboxId, verbose: true });
      return networkNamespaceOf(info["info"] ?? "{}");
    },
    async usage() {
      const { stats = [] } = await cri.call("ListPodSandboxStats", { filter: { label_selector: mine } });
      return stats.map(podUsage);
    },
    figures: (podUid, containerId) => options.cgroups.figures(podUid, containerId),
    async imageSpace() {
      const { image_filesystems = [] } = await cri.call("ImageFsInfo", {});
      const [first] = image_filesystems;
      return { directory: first?.fs_id?.mountpoint ?? "/", usedBytes: first?.used_bytes?.value ?? 0, usedInodes: first?.inodes_used?.value ?? 0 };
    },
    resizePod: (pod) => options.cgroups.ensurePod(pod),
    async resizeContainer(containerId, pod, container) {
      // version 1 allows no container more than its pod has: widen the pod first, narrow it last
      await options.cgroups.ensurePod(pod).catch(() => {});
      await cri.call("UpdateContainerResources", { container_id: containerId, linux: resizedResources(pod, container, options.memoryBytes) });
      await options.cgroups.ensurePod(pod).catch((error: unknown) => log.warn({ pod: pod.metadata.name, error: String(error) }, "the pod's limits do not fit its containers yet"));
    },
    recursiveReadOnly: async () => (await defaultHandler())?.recursiveReadOnlyMounts === true,
    imageMount: views.mountOf,
    async forgetPod(uid) {
      users.release(uid);
      await views.remove(uid);
      await options.cgroups.removePod(uid);
    },
    async close() {
      closing.abort();
      cri.close();
    },
  };
}

function firstUserIdOf(annotations: Readonly<Record<string, string>> = {}): number | undefined {
  const text = annotations[ANNOTATION.userIds];
  return text === undefined ? undefined : Number(text);
}

/** The network namespace of the OCI spec that CRI shows on request; hostNetwork pods have none. */
function networkNamespaceOf(info: string): string | undefined {
  const { runtimeSpec } = JSON.parse(info) as { readonly runtimeSpec?: { readonly linux?: { readonly namespaces?: readonly { readonly type?: string; readonly path?: string }[] } } };
  return runtimeSpec?.linux?.namespaces?.find(({ type }) => type === "network")?.path;
}


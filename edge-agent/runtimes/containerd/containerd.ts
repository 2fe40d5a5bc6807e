/**
 * containerd behind the agent's Runtime interface. All state is read back from containerd: sandboxes carry the pod in
 * their labels, containers their name, attempt and spec hash, so an agent that starts knows what runs. A listing costs
 * two calls; details that cannot change any more (a start time, an exit code) are asked for once per container.
 */
import { rm } from "node:fs/promises";
import { sleep, type Clock } from "../../../core/api/clock.ts";
import type { Log } from "../../../core/api/log.ts";
import type { Pod } from "../../../core/api/types.gen.ts";
import { ImageError, type ImageOnDevice, type RunningContainer, type RunningPod, type Runtime, type RuntimeFeatures } from "../runtime.ts";
import type { Meter } from "../../stats/meter.ts";
import { attachToContainer } from "./attach.ts";
import type { Cgroups } from "./cgroups.ts";
import { containerConfig, logDirectoryOf, sandboxConfig, type ConfigContext } from "./configs.ts";
import { criClient, type Cri } from "./cri.ts";
import { execInTask } from "./exec.ts";
import { GRPC, GrpcError } from "./grpc.ts";
import { imageViews } from "./image-view.ts";
import { impassable } from "./impassable.ts";
import { ANNOTATION, LABEL } from "./labels.ts";
import { measuredCri } from "./measured-cri.ts";
import { CONTAINER_STATES, SANDBOX_READY, type M } from "./messages.ts";
import { PAUSE_IMAGE } from "./pause-image.ts";
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
  readonly meter?: Meter | undefined;
}

/** Between two attempts to follow containerd's events. */
const EVENTS_PAUSE_MS = 1_000;
/** containerd ends a command that is out of time itself; this is for one that it cannot end. */
const RUN_MARGIN_MS = 10_000;
const NO_BYTES = new Uint8Array();

export function containerdRuntime(options: ContainerdRuntimeOptions): Runtime {
  const { clock, log, device } = options;
  const client = criClient(options.socket);
  const cri = options.meter === undefined ? client : measuredCri(client, options.meter, clock);
  const details = new Map<string, M<"ContainerStatus">>();
  /** containers and sandboxes that were stopped from here: nobody wonders why they were killed */
  const ended = new Set<string>();
  /** sandboxes that are ready: nothing that is asked of them changes */
  const readySandboxes = new Map<string, M<"PodSandboxStatus">>();
  const views = imageViews(cri, options.snapshotter ?? "overlayfs");
  /** false once this kernel has said that it cannot confine programs */
  let seccomp = true;
  const listeners = new Set<(uid: string | undefined) => void>();
  const closing = new AbortController();
  const mine = { [LABEL.device]: device };
  const revive = async () => options.revive?.().catch((cause: unknown) => log.error({ error: String(cause) }, "containerd could not be started again"));

  const detailOf = async ({ id = "", pod_sandbox_id: sandbox = "", state }: M<"Container">): Promise<Detail> => {
    const known = details.get(id);
    if (known !== undefined && known.state === state && !isDoubtful(known, clock.now())) return known;
    // removed between the listing and now: nobody needs to know more of it
    const answer = await missingIsFine(cri.call("ContainerStatus", { container_id: id }));
    if (answer === undefined) return "gone";
    const { status } = answer;
    if (status === undefined) return undefined;
    details.set(id, status);
    const awaited = !ended.has(id) && !ended.has(sandbox) && isDoubtful(status, clock.now()) && clock.now() - milliseconds(status.finished_at) < OOM_AWAITED_MS;
    return awaited ? { ...status, state: CONTAINER_STATES.indexOf("running") } : status;
  };
  const sandboxOf = async (id: string): Promise<M<"PodSandboxStatus"> | undefined> => {
    const known = readySandboxes.get(id);
    if (known !== undefined) return known;
    const status = (await missingIsFine(cri.call("PodSandboxStatus", { pod_sandbox_id: id })))?.status;
    if (status !== undefined) readySandboxes.set(id, status);
    return status;
  };
  const addressesOf = async ({ id = "" }: M<"PodSandbox">): Promise<readonly string[]> => {
    const network = (await sandboxOf(id))?.network;
    return [network?.ip, ...(network?.additional_ips ?? []).map(({ ip }) => ip)].filter((ip) => ip !== undefined && ip !== "") as string[];
  };
  /** A pod that containerd has trouble with stays as it was seen last: the others go on. */
  let lastSeen = new Map<string, RunningPod>();
  const lookedAt = async (uid: string, look: () => Promise<RunningPod>): Promise<RunningPod> => {
    try {
      return await look();
    } catch (error) {
      const known = lastSeen.get(uid);
      if (known === undefined) throw error;
      log.warn({ pod: `${known.namespace}/${known.name}`, error: String(error) }, "a pod could not be listed; it counts as it was seen last");
      return known;
    }
  };

  const features = async (): Promise<RuntimeFeatures> => {
    const { runtime_handlers = [], features: whole } = await cri.call("Status", {});
    const { recursive_read_only_mounts = false, user_namespaces = false } = runtime_handlers.find(({ name = "" }) => name === "")?.features ?? {};
    return { recursiveReadOnlyMounts: recursive_read_only_mounts, userNamespaces: user_namespaces, ...(whole === undefined ? {} : { supplementalGroupsPolicy: whole.supplemental_groups_policy === true }) };
  };
  const users = userIds(async () => {
    const { items = [] } = await cri.call("ListPodSandbox", { filter: { label_selector: mine } });
    return items.flatMap(({ labels, annotations }) => {
      const first = firstUserIdOf(annotations);
      return first === undefined ? [] : [[labels?.[LABEL.podUid] ?? "", first] as const];
    });
  });
  const claimUserIds = async ({ metadata: { uid = "" } }: Pod): Promise<number> => {
    if (!(await features()).userNamespaces) throw new Error("can't set `spec.hostUsers: false`, runtime does not support user namespaces");
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
    async pods() {
      const filter = { label_selector: mine };
      const [{ items = [] }, { containers = [] }] = await Promise.all([cri.call("ListPodSandbox", { filter }), cri.call("ListContainers", { filter })]);
      const alive = new Set([...containers.map(({ id }) => id), ...items.map(({ id }) => id)]);
      for (const id of details.keys()) if (!alive.has(id)) details.delete(id);
      for (const id of ended) if (!alive.has(id)) ended.delete(id);
      for (const id of readySandboxes.keys()) if (!alive.has(id)) readySandboxes.delete(id);
      const pods = await Promise.all([...groupByPod(items)].map(([uid, sandboxes]) => lookedAt(uid, () => runningPod(uid, sandboxes, containers, addressesOf, detailOf))));
      lastSeen = new Map(pods.map((pod) => [pod.uid, pod]));
      return pods;
    },
    changes(listener) {
      listeners.add(listener);
      if (listeners.size === 1) void follow(cri, { clock, signal: closing.signal, revive, hint: () => listeners.forEach((each) => each(undefined)) });
      return () => listeners.delete(listener);
    },

    async image(reference) {
      const { image } = await cri.call("ImageStatus", { image: { image: reference } });
      return image === undefined ? undefined : imageOf(image);
    },
    async pullImage(reference, { secrets, signal }) {
      let failure: unknown;
      // one after the other: which secret fits is known only by trying
      for (const auth of secrets.length === 0 ? [undefined] : secrets) {
        try {
          const { image_ref = "" } = await cri.call(
            "PullImage",
            {
              image: { image: reference },
              ...(auth === undefined ? {} : { auth: { username: auth.username, password: auth.password, identity_token: auth.identityToken } }),
            },
            { signal },
          );
          const { image } = await cri.call("ImageStatus", { image: { image: image_ref } });
          if (image === undefined) throw new ImageError("ImageInspectError", `Failed to inspect image "${reference}": it vanished after the pull`);
          return imageOf(image);
        } catch (error) {
          failure = error;
        }
      }
      throw imageError(reference, failure);
    },
    async images() {
      const { images = [] } = await cri.call("ListImages", {});
      return images.map(imageOf);
    },
    async removeImage(id) {
      await cri.call("RemoveImage", { image: { image: id } });
    },

    async startSandbox(pod, sandbox) {
      const firstUserId = wantsUserNamespace(pod) ? await claimUserIds(pod) : undefined;
      await options.cgroups.ensurePod(pod);
      const run = () => cri.call("RunPodSandbox", { config: sandboxConfig({ ...options, seccomp }, pod, sandbox, firstUserId) });
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
      ended.add(sandboxId);
      await missingIsFine(cri.call("StopPodSandbox", { pod_sandbox_id: sandboxId }));
      readySandboxes.delete(sandboxId);
    },
    async removeSandbox(sandboxId) {
      await missingIsFine(cri.call("StopPodSandbox", { pod_sandbox_id: sandboxId }));
      // its shim has ended; as long as the sandbox is listed, an agent after this one would do it again
      await rm(shimSocket(options.socket, sandboxId), { force: true });
      await missingIsFine(cri.call("RemovePodSandbox", { pod_sandbox_id: sandboxId }));
    },

    async createContainer(sandboxId, plan) {
      // containerd reads log directory, host name and cgroup parent from this copy, not from the sandbox
      const status = await sandboxOf(sandboxId);
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
      ended.add(containerId);
      await missingIsFine(cri.call("StopContainer", { container_id: containerId, timeout: graceSeconds }));
    },
    async removeContainer(containerId) {
      await missingIsFine(cri.call("RemoveContainer", { container_id: containerId }));
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
    recursiveReadOnly: async () => (await features()).recursiveReadOnlyMounts,
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

type Detail = M<"ContainerStatus"> | undefined | "gone";

function groupByPod(items: readonly M<"PodSandbox">[]): Map<string, M<"PodSandbox">[]> {
  const out = new Map<string, M<"PodSandbox">[]>();
  for (const item of items) {
    const uid = item.labels?.[LABEL.podUid];
    if (uid !== undefined) out.set(uid, [...(out.get(uid) ?? []), item]);
  }
  return out;
}

async function runningPod(
  uid: string,
  sandboxes: readonly M<"PodSandbox">[],
  containers: readonly M<"Container">[],
  addressesOf: (sandbox: M<"PodSandbox">) => Promise<readonly string[]>,
  detailOf: (container: M<"Container">) => Promise<Detail>,
): Promise<RunningPod> {
  const [newest, ...earlier] = sandboxes.toSorted((a, b) => (b.created_at ?? 0) - (a.created_at ?? 0));
  const ready = (newest?.state ?? SANDBOX_READY) === SANDBOX_READY;
  const own = containers.filter(({ labels }) => labels?.[LABEL.podUid] === uid);
  return {
    uid,
    namespace: newest?.metadata?.namespace ?? "",
    name: newest?.metadata?.name ?? "",
    sandboxId: newest?.id ?? "",
    ready,
    ips: ready && newest !== undefined ? await addressesOf(newest) : [],
    createdAt: milliseconds(newest?.created_at),
    attempt: newest?.metadata?.attempt ?? 0,
    earlierSandboxes: earlier.map(({ id = "" }) => id),
    containers: (await Promise.all(own.map(async (container) => {
      const detail = await detailOf(container);
      return detail === "gone" ? [] : [runningContainer(container, detail)];
    }))).flat(),
  };
}

function runningContainer(container: M<"Container">, detail: M<"ContainerStatus"> | undefined): RunningContainer {
  const state = CONTAINER_STATES[detail?.state ?? container.state ?? 0] ?? "unknown";
  const exited = state === "exited";
  return {
    id: container.id ?? "",
    name: container.metadata?.name ?? "",
    sandboxId: container.pod_sandbox_id ?? "",
    attempt: container.metadata?.attempt ?? 0,
    state,
    image: detail?.image?.image ?? container.image?.image ?? "",
    imageId: detail?.image_ref ?? container.image_ref ?? "",
    specHash: container.annotations?.[ANNOTATION.containerHash] ?? "",
    createdAt: milliseconds(container.created_at),
    ...(detail?.started_at === undefined ? {} : { startedAt: milliseconds(detail.started_at) }),
    // containerd notes an OOM kill of any process of the container; it says how the container ended only once it has
    ...(exited
      ? { finishedAt: milliseconds(detail?.finished_at), exitCode: detail?.exit_code ?? 0, reason: detail?.reason ?? "", message: detail?.message ?? "" }
      : {}),
  };
}

function firstUserIdOf(annotations: Readonly<Record<string, string>> = {}): number | undefined {
  const text = annotations[ANNOTATION.userIds];
  return text === undefined ? undefined : Number(text);
}

function milliseconds(nanoseconds: number | undefined): number {
  return Math.floor((nanoseconds ?? 0) / 1e6);
}

/** containerd marks what is needed for sandboxes since 1.7 only. */
function imageOf(image: M<"Image">): ImageOnDevice {
  const user = image.username !== undefined && image.username !== "" ? { name: image.username } : { uid: image.uid?.value ?? 0 };
  return { id: image.id ?? "", tags: image.repo_tags ?? [], digests: image.repo_digests ?? [], sizeBytes: image.size ?? 0, pinned: image.pinned === true || (image.repo_tags ?? []).includes(PAUSE_IMAGE), user };
}

function imageError(reference: string, error: unknown): unknown {
  if (error instanceof ImageError || !(error instanceof GrpcError)) return error;
  if (/invalid reference format|failed to parse/.test(error.message)) return new ImageError("InvalidImageName", `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": invalid reference format`, error);
  // a code that says nothing is left out, as kubelet does
  return new ImageError("ErrImagePull", error.code === GRPC.unknown ? error.message : rpcText(error), error);
}

/** The network namespace of the OCI spec that CRI shows on request; hostNetwork pods have none. */
function networkNamespaceOf(info: string): string | undefined {
  const { runtimeSpec } = JSON.parse(info) as { readonly runtimeSpec?: { readonly linux?: { readonly namespaces?: readonly { readonly type?: string; readonly path?: string }[] } } };
  return runtimeSpec?.linux?.namespaces?.find(({ type }) => type === "network")?.path;
}

/** containerd learns of an OOM kill after the exit (its shim watches the cgroup); for this long a kill may yet turn out to be one. */
const OOM_KNOWN_MS = 10_000;
/** For this long nobody is told of such an exit: most are known by then. */
const OOM_AWAITED_MS = 300;
const KILLED = 137;

function isDoubtful({ exit_code, reason, finished_at }: M<"ContainerStatus">, now: number): boolean {
  return exit_code === KILLED && reason !== "OOMKilled" && now - milliseconds(finished_at) < OOM_KNOWN_MS;
}

/** undefined: what was asked about is not there */
async function missingIsFine<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof GrpcError && error.code === GRPC.notFound)) throw error;
    return undefined;
  }
}

/** What happens without the agent having done it: it looks by itself after each of its own calls. */
const UNASKED: ReadonlySet<string> = new Set(["/tasks/exit", "/tasks/oom"]);

/** Events only say that it is worth looking; what was missed while the daemon was away is seen by looking, too. */
async function follow(cri: Cri, { clock, signal, revive, hint }: { readonly clock: Clock; readonly signal: AbortSignal; readonly revive: () => Promise<void>; readonly hint: () => void }): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const { topic = "" } of cri.events(signal)) if (UNASKED.has(topic)) hint();
    } catch {
      // the pause below, then again
    }
    // the end of the events is the first sign of a daemon that is gone
    if (!signal.aborted) await revive();
    hint();
    await sleep(clock, EVENTS_PAUSE_MS, signal);
  }
}

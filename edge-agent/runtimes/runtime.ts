/**
 * What the agent needs of something that runs pods. The shape is the CRI's (a sandbox with containers in it), because
 * containerd is the richest runtime; `wasi` gives the same answers for components. Everything survives an agent restart:
 * `pods()` is rebuilt from what runs, never from the agent's memory.
 */
import type { Container, Pod } from "../../core/api/types.gen.ts";
import type { GroupFigures } from "../stats/group-figures.ts";

export type ContainerState = "created" | "running" | "exited" | "unknown";

export interface RunningContainer {
  readonly id: string;
  readonly name: string;
  /** absent: the pod's current sandbox */
  readonly sandboxId?: string;
  /** restart count at creation */
  readonly attempt: number;
  readonly state: ContainerState;
  readonly image: string;
  /** digest-qualified reference */
  readonly imageId: string;
  /** hash of the container's spec at creation: a changed spec is a new container */
  readonly specHash: string;
  /** milliseconds */
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly exitCode?: number;
  /** "Completed", "Error", "OOMKilled", … */
  readonly reason?: string;
  readonly message?: string;
  /** it ended because of another, and starts again without back-off */
  readonly blameless?: boolean;
  /** it has no process until somebody asks it something: asking how it is would wake it */
  readonly asleep?: boolean;
}

export interface RunningPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly sandboxId: string;
  readonly ready: boolean;
  readonly ips: readonly string[];
  readonly createdAt: number;
  /** how many sandboxes this pod had before; absent: none */
  readonly attempt?: number;
  readonly containers: readonly RunningContainer[];
  /** dead sandboxes of earlier attempts, to be removed once their containers are not needed any more */
  readonly earlierSandboxes?: readonly string[];
}

export interface ImageOnDevice {
  /** what to give createContainer */
  readonly id: string;
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  readonly sizeBytes: number;
  readonly pinned: boolean;
  /** numeric user or name the image asks for */
  readonly user?: { readonly uid?: number; readonly name?: string };
}

export interface Mount {
  /** its name in the pod, for messages */
  readonly volume?: string;
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readOnly: boolean;
  /** also what is mounted below; absent: only this mount */
  readonly recursiveReadOnly?: "IfPossible" | "Enabled";
  readonly propagation?: "None" | "HostToContainer" | "Bidirectional";
}

/** What mount(8) is told. */
export interface MountSource {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** A container ready to be created: nothing left to look up. */
export interface ContainerPlan {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly image: ImageOnDevice;
  /** id of the container whose processes it sees; absent: as the pod says */
  readonly target?: string | undefined;
  /** command and args after expansion; empty: the image's */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  /** device nodes that it may use; absent: only those that every container has */
  readonly devices?: readonly { readonly containerPath: string; readonly hostPath: string; readonly permissions: string }[];
  /** CRI log format, rotated by the agent; directory exists */
  readonly logPath: string;
  readonly specHash: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface PullSecret {
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
}

/** What the agent decided about a sandbox; the rest a runtime reads from the pod. */
export interface SandboxOptions {
  /** absolute; the directory above it exists */
  readonly logDirectory: string;
  readonly attempt: number;
  /** one of the runtime's own; absent or "": its default */
  readonly handler?: string | undefined;
  /** "" for pods in the host's network */
  readonly hostname: string;
  readonly dns: { readonly servers: readonly string[]; readonly searches: readonly string[]; readonly options: readonly string[] };
}

/** What a group of processes has used. Rates are made of two of these; absent: the runtime cannot tell. */
export interface Usage {
  /** milliseconds */
  readonly at: number;
  /** nanoseconds of processor time since the start */
  readonly cpu?: number | undefined;
  /** bytes that cannot be taken back without harm */
  readonly workingSet?: number | undefined;
  /** with the page cache */
  readonly memory?: number | undefined;
  readonly rss?: number | undefined;
  readonly pageFaults?: number | undefined;
  readonly majorPageFaults?: number | undefined;
}

export interface InterfaceUsage {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}

export interface ContainerUsage extends Usage {
  readonly id: string;
  readonly name: string;
  /** its writable layer */
  readonly layerBytes?: number | undefined;
  readonly layerInodes?: number | undefined;
}

export interface PodUsage extends Usage {
  readonly uid: string;
  readonly interfaces?: readonly InterfaceUsage[] | undefined;
  readonly processes?: number | undefined;
  readonly containers: readonly ContainerUsage[];
}

/** A process started in a running container. */
export interface ExecSession {
  /** both end when the process has ended and everything was read */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  write(data: Uint8Array): Promise<void>;
  closeStdin(): Promise<void>;
  resize(width: number, height: number): Promise<void>;
  readonly exitCode: Promise<number>;
  /** ends the process if it still runs, frees what the session holds */
  close(): Promise<void>;
}

export interface ExecOptions {
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly stdin: boolean;
}

export interface RunOptions {
  readonly command: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** One way to run pods that a RuntimeClass may name, for NodeStatus. */
export interface RuntimeHandler {
  /** "": the default one */
  readonly name: string;
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
}

export interface RuntimeFeatures {
  /** as the runtime tells them; empty: it does not say (containerd before 2.0) */
  readonly handlers: readonly RuntimeHandler[];
  /** of the runtime as a whole: supplementary groups of the image can be left out; undefined: it does not say */
  readonly supplementalGroupsPolicy?: boolean | undefined;
}

export interface AttachOptions {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** A figure that a guest itself counts or measures. */
export interface GuestSeries {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Runtime {
  /** RuntimeClass handler: "containerd" or "wasi" */
  readonly handler: string;
  /** `containerRuntimeVersion` of NodeSystemInfo: "containerd://1.6.20", "wasi://0.2.12" */
  version(): Promise<string>;
  /** undefined when it works, else why not (Node condition Ready=False). @throws Error when it does not answer */
  health(): Promise<string | undefined>;
  features?(): Promise<RuntimeFeatures>;
  pods(): Promise<readonly RunningPod[]>;
  /** hints that `pods()` changed; undefined uid: anything may have */
  changes(listener: (podUid: string | undefined) => void): () => void;

  image(reference: string): Promise<ImageOnDevice | undefined>;
  /** @throws ImageError */
  pullImage(reference: string, options: { readonly pod: Pod; readonly secrets: readonly PullSecret[]; readonly signal: AbortSignal }): Promise<ImageOnDevice>;
  images(): Promise<readonly ImageOnDevice[]>;
  removeImage(id: string): Promise<void>;

  /** sandbox with its network and log directory; idempotent per pod uid */
  startSandbox(pod: Pod, options: SandboxOptions): Promise<string>;
  stopSandbox(sandboxId: string): Promise<void>;
  removeSandbox(sandboxId: string): Promise<void>;

  createContainer(sandboxId: string, plan: ContainerPlan): Promise<string>;
  startContainer(containerId: string): Promise<void>;
  /** termination signal, then kill after the grace period; resolves when it is dead */
  stopContainer(containerId: string, graceSeconds: number): Promise<void>;
  removeContainer(containerId: string): Promise<void>;
  /** absent: this runtime has nothing to enter. @throws Error when the command cannot be started */
  exec?(containerId: string, options: ExecOptions): Promise<ExecSession>;
  /**
   * runs a command in the container to its end, for probes and hooks; no exit code: it was out of time. Output is what
   * it wrote, standard output first. @throws Error when the command cannot be started
   */
  run?(containerId: string, options: RunOptions): Promise<{ readonly exitCode: number | undefined; readonly output: Uint8Array }>;
  /** the container's own streams; `stdin` counts only for containers that were made with one */
  attach?(containerId: string, options: AttachOptions): Promise<ExecSession>;
  /** network namespace of a sandbox, a path; undefined: the device's own */
  networkNamespace?(sandboxId: string): Promise<string | undefined>;
  /** what each pod uses at this moment; absent: nobody knows */
  usage?(): Promise<readonly PodUsage[]>;
  /** what the kernel counts for a pod, or for one of its containers, beside that; undefined: nothing */
  figures?(podUid: string, containerId?: string): Promise<GroupFigures | undefined>;
  /** what guests say of themselves, as it was told last; absent: they cannot */
  series?(): readonly GuestSeries[];
  /** directory of the images and writable layers, and what the images take of it */
  imageSpace?(): Promise<{ readonly directory: string; readonly usedBytes: number; readonly usedInodes: number }>;
  /**
   * Brings a running container, and the limits of its pod, to the resources of its spec. Absent: needs another container.
   * @throws Error when the kernel refuses, as with a memory limit below what is used
   */
  /** what the pod as a whole may use, taken from its spec */
  resizePod?(pod: Pod): Promise<void>;
  resizeContainer?(containerId: string, pod: Pod, container: Container): Promise<void>;
  /** the log was renamed: write to a fresh file at the same path; absent: the runtime never rotates */
  reopenLog?(containerId: string): Promise<void>;
  /** whether mounts can be made read-only with all that is mounted below them (KEP-3857); absent: no */
  recursiveReadOnly?(): Promise<boolean>;
  /** an image's content, to be mounted read-only for a pod under a name; absent: this runtime has no directories of images */
  imageMount?(image: ImageOnDevice, podUid: string, name: string): Promise<MountSource>;
  /** removes what the runtime itself keeps for a pod (cgroups …) after its sandboxes are gone */
  forgetPod?(podUid: string): Promise<void>;
  /** ends connections; what runs keeps running */
  close?(): Promise<void>;
}

/** Reasons as kubelet users know them; "back off" is the plan's decision, not the runtime's. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly reason: "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull" | "RegistryUnavailable" | "SignatureValidationFailed" | "ImageInspectError";

  constructor(reason: ImageError["reason"], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

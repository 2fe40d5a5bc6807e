/**
 * The CRI client: one typed `call` over a table of remote procedures. A procedure is a row (service, request, answer,
 * deadline), so adding one is adding a line.
 */
import { grpcChannel, type CallOptions, type GrpcChannel } from "./grpc.ts";
import { messages, type M, type Messages } from "./messages.ts";
import { protobuf } from "./protobuf.ts";

const RUNTIME = "runtime.v1.RuntimeService";
const IMAGE = "runtime.v1.ImageService";
const TASKS = "containerd.services.tasks.v1.Tasks";
const SNAPSHOTS = "containerd.services.snapshots.v1.Snapshots";
const LEASES = "containerd.services.leases.v1.Leases";
const CONTAINERS = "containerd.services.containers.v1.Containers";
/** where CRI keeps its containers */
const NAMESPACE = { "containerd-namespace": "k8s.io" };

/** Most calls answer in milliseconds; two minutes is what a kubelet grants a slow disk. */
const NORMAL = 120_000;
/** A sandbox waits for CNI plugins. */
const SANDBOX = 240_000;
/** The caller decides: pulls end by their signal, stops by their grace period. */
const OPEN = undefined;

const rpcs = {
  Version: [RUNTIME, "VersionRequest", "VersionResponse", 10_000],
  Status: [RUNTIME, "StatusRequest", "StatusResponse", 10_000],
  RunPodSandbox: [RUNTIME, "RunPodSandboxRequest", "RunPodSandboxResponse", SANDBOX],
  StopPodSandbox: [RUNTIME, "PodSandboxId", "Empty", SANDBOX],
  RemovePodSandbox: [RUNTIME, "PodSandboxId", "Empty", NORMAL],
  PodSandboxStatus: [RUNTIME, "PodSandboxStatusRequest", "PodSandboxStatusResponse", NORMAL],
  ListPodSandbox: [RUNTIME, "ListPodSandboxRequest", "ListPodSandboxResponse", NORMAL],
  CreateContainer: [RUNTIME, "CreateContainerRequest", "ContainerId", NORMAL],
  StartContainer: [RUNTIME, "ContainerId", "Empty", NORMAL],
  StopContainer: [RUNTIME, "StopContainerRequest", "Empty", OPEN],
  RemoveContainer: [RUNTIME, "ContainerId", "Empty", NORMAL],
  ListContainers: [RUNTIME, "ListContainersRequest", "ListContainersResponse", NORMAL],
  ContainerStatus: [RUNTIME, "ContainerStatusRequest", "ContainerStatusResponse", NORMAL],
  UpdateContainerResources: [RUNTIME, "UpdateContainerResourcesRequest", "Empty", NORMAL],
  ReopenContainerLog: [RUNTIME, "ContainerId", "Empty", NORMAL],
  ExecSync: [RUNTIME, "ExecSyncRequest", "ExecSyncResponse", OPEN],
  ListContainerStats: [RUNTIME, "ListContainerStatsRequest", "ListContainerStatsResponse", NORMAL],
  ListPodSandboxStats: [RUNTIME, "ListPodSandboxStatsRequest", "ListPodSandboxStatsResponse", NORMAL],
  Attach: [RUNTIME, "AttachRequest", "AttachResponse", NORMAL],
  ListImages: [IMAGE, "ImageFilterRequest", "ListImagesResponse", NORMAL],
  ImageStatus: [IMAGE, "ImageStatusRequest", "ImageStatusResponse", NORMAL],
  PullImage: [IMAGE, "PullImageRequest", "PullImageResponse", OPEN],
  RemoveImage: [IMAGE, "ImageRequest", "Empty", NORMAL],
  ImageFsInfo: [IMAGE, "Empty", "ImageFsInfoResponse", NORMAL],
  // containerd's own: CRI can neither close stdin alone nor be reached without a streaming server
  Get: [CONTAINERS, "ContainerRequest", "ContainerRecordResponse", NORMAL],
  Exec: [TASKS, "ExecProcessRequest", "Empty", NORMAL],
  Start: [TASKS, "ProcessId", "Empty", NORMAL],
  Wait: [TASKS, "ProcessId", "WaitResponse", OPEN],
  CloseIO: [TASKS, "CloseIORequest", "Empty", NORMAL],
  ResizePty: [TASKS, "ResizePtyRequest", "Empty", NORMAL],
  Kill: [TASKS, "KillRequest", "Empty", NORMAL],
  DeleteProcess: [TASKS, "ProcessId", "Empty", NORMAL],
  List: [LEASES, "ListLeasesRequest", "ListLeasesResponse", NORMAL],
  Delete: [LEASES, "DeleteLeaseRequest", "Empty", NORMAL],
  // an image as a directory: CRI cannot before containerd 2.1
  View: [SNAPSHOTS, "ViewSnapshotRequest", "SnapshotMounts", NORMAL],
  Mounts: [SNAPSHOTS, "SnapshotKey", "SnapshotMounts", NORMAL],
  Remove: [SNAPSHOTS, "SnapshotKey", "Empty", NORMAL],
} as const satisfies { readonly [rpc: string]: readonly [string, keyof Messages, keyof Messages, number | undefined] };

type Rpcs = typeof rpcs;

/** Not one of containerd's own. */
export const isCri = (rpc: keyof Rpcs): boolean => rpcs[rpc][0] === RUNTIME || rpcs[rpc][0] === IMAGE;

export interface Cri {
  /** @throws GrpcError */
  call<R extends keyof Rpcs>(rpc: R, request: M<Rpcs[R][1]>, options?: CallOptions): Promise<M<Rpcs[R][2]>>;
  /** containerd's own events of the CRI namespace, until the signal aborts or the connection ends */
  events(signal: AbortSignal): AsyncIterable<M<"EventEnvelope">>;
  /** keys of the snapshots that a filter of containerd's matches */
  snapshots(snapshotter: string, filter: string): Promise<readonly string[]>;
  close(): void;
}

const codec = protobuf(messages);

export function criClient(socketPath: string, channel: GrpcChannel = grpcChannel(socketPath)): Cri {
  return {
    async call(rpc, request, options) {
      const [service, input, output, timeoutMs] = rpcs[rpc];
      const answer = await channel.unary(`/${service}/${rpc}`, codec.encode(input, request), { timeoutMs, metadata: NAMESPACE, ...options });
      return codec.decode(output, answer) as never;
    },
    async *events(signal) {
      const request = codec.encode("SubscribeRequest", { filters: ["namespace==k8s.io"] });
      for await (const bytes of channel.stream("/containerd.services.events.v1.Events/Subscribe", request, { signal })) {
        yield codec.decode("EventEnvelope", bytes);
      }
    },
    async snapshots(snapshotter, filter) {
      const keys: string[] = [];
      const request = codec.encode("ListSnapshotsRequest", { snapshotter, filters: [filter] });
      for await (const bytes of channel.stream(`/${SNAPSHOTS}/List`, request, { timeoutMs: NORMAL, metadata: NAMESPACE })) {
        for (const { name = "" } of codec.decode("ListSnapshotsResponse", bytes).info ?? []) keys.push(name);
      }
      return keys;
    },
    close: () => channel.close(),
  };
}

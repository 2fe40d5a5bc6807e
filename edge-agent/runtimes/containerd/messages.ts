/**
 * The parts of CRI v1 and of containerd's own API that the agent uses, as data: message → field → [number, type].
 * Numbers are those of k8s.io/cri-api runtime/v1 and containerd's api/services and api/events.
 */
import type { Message, Table } from "./protobuf.ts";

export const messages = {
  // --- CRI: runtime ---
  VersionRequest: { version: [1, "string"] },
  VersionResponse: { version: [1, "string"], runtime_name: [2, "string"], runtime_version: [3, "string"], runtime_api_version: [4, "string"] },
  StatusRequest: { verbose: [1, "bool"] },
  StatusResponse: { status: [1, "RuntimeStatus"], info: [2, "map"], runtime_handlers: [3, "RuntimeHandler", "repeated"], features: [4, "RuntimeFeatures"] },
  RuntimeFeatures: { supplemental_groups_policy: [1, "bool"] },
  RuntimeStatus: { conditions: [1, "RuntimeCondition", "repeated"] },
  RuntimeCondition: { type: [1, "string"], status: [2, "bool"], reason: [3, "string"], message: [4, "string"] },
  RuntimeHandler: { name: [1, "string"], features: [2, "RuntimeHandlerFeatures"] },
  RuntimeHandlerFeatures: { recursive_read_only_mounts: [1, "bool"], user_namespaces: [2, "bool"] },

  // --- CRI: sandboxes ---
  DNSConfig: { servers: [1, "string", "repeated"], searches: [2, "string", "repeated"], options: [3, "string", "repeated"] },
  PortMapping: { protocol: [1, "int"], container_port: [2, "int"], host_port: [3, "int"], host_ip: [4, "string"] },
  IDMapping: { host_id: [1, "int"], container_id: [2, "int"], length: [3, "int"] },
  UserNamespace: { mode: [1, "int"], uids: [2, "IDMapping", "repeated"], gids: [3, "IDMapping", "repeated"] },
  NamespaceOption: { network: [1, "int"], pid: [2, "int"], ipc: [3, "int"], target_id: [4, "string"], userns_options: [5, "UserNamespace"] },
  Int64Value: { value: [1, "int"] },
  UInt64Value: { value: [1, "int"] },
  SecurityProfile: { profile_type: [1, "int"], localhost_ref: [2, "string"] },
  SELinuxOption: { user: [1, "string"], role: [2, "string"], type: [3, "string"], level: [4, "string"] },
  LinuxSandboxSecurityContext: {
    namespace_options: [1, "NamespaceOption"], selinux_options: [2, "SELinuxOption"], run_as_user: [3, "Int64Value"], readonly_rootfs: [4, "bool"],
    supplemental_groups: [5, "int", "repeated"], privileged: [6, "bool"], run_as_group: [8, "Int64Value"], seccomp: [9, "SecurityProfile"],
    apparmor: [10, "SecurityProfile"], supplemental_groups_policy: [11, "int"],
  },
  LinuxPodSandboxConfig: {
    cgroup_parent: [1, "string"], security_context: [2, "LinuxSandboxSecurityContext"], sysctls: [3, "map"],
    overhead: [4, "LinuxContainerResources"], resources: [5, "LinuxContainerResources"],
  },
  PodSandboxMetadata: { name: [1, "string"], uid: [2, "string"], namespace: [3, "string"], attempt: [4, "int"] },
  PodSandboxConfig: {
    metadata: [1, "PodSandboxMetadata"], hostname: [2, "string"], log_directory: [3, "string"], dns_config: [4, "DNSConfig"],
    port_mappings: [5, "PortMapping", "repeated"], labels: [6, "map"], annotations: [7, "map"], linux: [8, "LinuxPodSandboxConfig"],
  },
  RunPodSandboxRequest: { config: [1, "PodSandboxConfig"], runtime_handler: [2, "string"] },
  RunPodSandboxResponse: { pod_sandbox_id: [1, "string"] },
  PodSandboxId: { pod_sandbox_id: [1, "string"] },
  PodSandboxStatusRequest: { pod_sandbox_id: [1, "string"], verbose: [2, "bool"] },
  PodSandboxStatusResponse: { status: [1, "PodSandboxStatus"], info: [2, "map"] },
  PodIP: { ip: [1, "string"] },
  PodSandboxNetworkStatus: { ip: [1, "string"], additional_ips: [2, "PodIP", "repeated"] },
  PodSandboxStatus: {
    id: [1, "string"], metadata: [2, "PodSandboxMetadata"], state: [3, "int"], created_at: [4, "int"], network: [5, "PodSandboxNetworkStatus"],
    labels: [7, "map"], annotations: [8, "map"], runtime_handler: [9, "string"],
  },
  ListPodSandboxRequest: { filter: [1, "PodSandboxFilter"] },
  PodSandboxFilter: { id: [1, "string"], label_selector: [3, "map"] },
  ListPodSandboxResponse: { items: [1, "PodSandbox", "repeated"] },
  PodSandbox: {
    id: [1, "string"], metadata: [2, "PodSandboxMetadata"], state: [3, "int"], created_at: [4, "int"], labels: [5, "map"], annotations: [6, "map"],
    runtime_handler: [7, "string"],
  },

  // --- CRI: containers ---
  ImageSpec: { image: [1, "string"], annotations: [2, "map"], user_specified_image: [18, "string"], runtime_handler: [19, "string"] },
  KeyValue: { key: [1, "string"], value: [2, "string"] },
  Mount: {
    container_path: [1, "string"], host_path: [2, "string"], readonly: [3, "bool"], selinux_relabel: [4, "bool"], propagation: [5, "int"],
    uid_mappings: [6, "IDMapping", "repeated"], gid_mappings: [7, "IDMapping", "repeated"], recursive_read_only: [8, "bool"],
  },
  Device: { container_path: [1, "string"], host_path: [2, "string"], permissions: [3, "string"] },
  LinuxContainerResources: {
    cpu_period: [1, "int"], cpu_quota: [2, "int"], cpu_shares: [3, "int"], memory_limit_in_bytes: [4, "int"], oom_score_adj: [5, "int"],
    cpuset_cpus: [6, "string"], cpuset_mems: [7, "string"], hugepage_limits: [8, "HugepageLimit", "repeated"], unified: [9, "map"],
    memory_swap_limit_in_bytes: [10, "int"],
  },
  HugepageLimit: { page_size: [1, "string"], limit: [2, "int"] },
  Capability: { add_capabilities: [1, "string", "repeated"], drop_capabilities: [2, "string", "repeated"] },
  LinuxContainerSecurityContext: {
    capabilities: [1, "Capability"], privileged: [2, "bool"], namespace_options: [3, "NamespaceOption"], selinux_options: [4, "SELinuxOption"],
    run_as_user: [5, "Int64Value"], run_as_username: [6, "string"], readonly_rootfs: [7, "bool"], supplemental_groups: [8, "int", "repeated"],
    no_new_privs: [11, "bool"], run_as_group: [12, "Int64Value"], masked_paths: [13, "string", "repeated"], readonly_paths: [14, "string", "repeated"],
    seccomp: [15, "SecurityProfile"], apparmor: [16, "SecurityProfile"], supplemental_groups_policy: [17, "int"],
  },
  LinuxContainerConfig: { resources: [1, "LinuxContainerResources"], security_context: [2, "LinuxContainerSecurityContext"] },
  ContainerMetadata: { name: [1, "string"], attempt: [2, "int"] },
  ContainerConfig: {
    metadata: [1, "ContainerMetadata"], image: [2, "ImageSpec"], command: [3, "string", "repeated"], args: [4, "string", "repeated"],
    working_dir: [5, "string"], envs: [6, "KeyValue", "repeated"], mounts: [7, "Mount", "repeated"], devices: [8, "Device", "repeated"],
    labels: [9, "map"], annotations: [10, "map"], log_path: [11, "string"], stdin: [12, "bool"], stdin_once: [13, "bool"], tty: [14, "bool"],
    linux: [15, "LinuxContainerConfig"],
  },
  CreateContainerRequest: { pod_sandbox_id: [1, "string"], config: [2, "ContainerConfig"], sandbox_config: [3, "PodSandboxConfig"] },
  ContainerId: { container_id: [1, "string"] },
  StopContainerRequest: { container_id: [1, "string"], timeout: [2, "int"] },
  ListContainersRequest: { filter: [1, "ContainerFilter"] },
  ContainerFilter: { id: [1, "string"], pod_sandbox_id: [3, "string"], label_selector: [4, "map"] },
  ListContainersResponse: { containers: [1, "Container", "repeated"] },
  Container: {
    id: [1, "string"], pod_sandbox_id: [2, "string"], metadata: [3, "ContainerMetadata"], image: [4, "ImageSpec"], image_ref: [5, "string"],
    state: [6, "int"], created_at: [7, "int"], labels: [8, "map"], annotations: [9, "map"], image_id: [10, "string"],
  },
  ContainerStatusRequest: { container_id: [1, "string"], verbose: [2, "bool"] },
  ContainerStatusResponse: { status: [1, "ContainerStatus"], info: [2, "map"] },
  ContainerStatus: {
    id: [1, "string"], metadata: [2, "ContainerMetadata"], state: [3, "int"], created_at: [4, "int"], started_at: [5, "int"], finished_at: [6, "int"],
    exit_code: [7, "int"], image: [8, "ImageSpec"], image_ref: [9, "string"], reason: [10, "string"], message: [11, "string"], labels: [12, "map"],
    annotations: [13, "map"], log_path: [15, "string"],
  },
  UpdateContainerResourcesRequest: { container_id: [1, "string"], linux: [2, "LinuxContainerResources"] },
  AttachRequest: { container_id: [1, "string"], stdin: [2, "bool"], tty: [3, "bool"], stdout: [4, "bool"], stderr: [5, "bool"] },
  AttachResponse: { url: [1, "string"] },
  ExecSyncRequest: { container_id: [1, "string"], cmd: [2, "string", "repeated"], timeout: [3, "int"] },
  ExecSyncResponse: { stdout: [1, "bytes"], stderr: [2, "bytes"], exit_code: [3, "int"] },

  // --- CRI: images ---
  ImageRequest: { image: [1, "ImageSpec"] },
  ImageFilterRequest: { filter: [1, "ImageRequest"] },
  ListImagesResponse: { images: [1, "Image", "repeated"] },
  Image: {
    id: [1, "string"], repo_tags: [2, "string", "repeated"], repo_digests: [3, "string", "repeated"], size: [4, "int"], uid: [5, "Int64Value"],
    username: [6, "string"], spec: [7, "ImageSpec"], pinned: [8, "bool"],
  },
  ImageStatusRequest: { image: [1, "ImageSpec"], verbose: [2, "bool"] },
  ImageStatusResponse: { image: [1, "Image"], info: [2, "map"] },
  AuthConfig: { username: [1, "string"], password: [2, "string"], auth: [3, "string"], server_address: [4, "string"], identity_token: [5, "string"], registry_token: [6, "string"] },
  PullImageRequest: { image: [1, "ImageSpec"], auth: [2, "AuthConfig"], sandbox_config: [3, "PodSandboxConfig"] },
  PullImageResponse: { image_ref: [1, "string"] },
  ImageFsInfoResponse: { image_filesystems: [1, "FilesystemUsage", "repeated"] },
  FilesystemUsage: { timestamp: [1, "int"], fs_id: [2, "FilesystemIdentifier"], used_bytes: [3, "UInt64Value"], inodes_used: [4, "UInt64Value"] },
  FilesystemIdentifier: { mountpoint: [1, "string"] },

  // --- CRI: usage ---
  ListContainerStatsRequest: {},
  ListContainerStatsResponse: { stats: [1, "ContainerStats", "repeated"] },
  ContainerAttributes: { id: [1, "string"], metadata: [2, "ContainerMetadata"], labels: [3, "map"] },
  ContainerStats: { attributes: [1, "ContainerAttributes"], cpu: [2, "CpuUsage"], memory: [3, "MemoryUsage"], writable_layer: [4, "FilesystemUsage"] },
  CpuUsage: { timestamp: [1, "int"], usage_core_nano_seconds: [2, "UInt64Value"], usage_nano_cores: [3, "UInt64Value"] },
  MemoryUsage: {
    timestamp: [1, "int"], working_set_bytes: [2, "UInt64Value"], available_bytes: [3, "UInt64Value"], usage_bytes: [4, "UInt64Value"], rss_bytes: [5, "UInt64Value"],
    page_faults: [6, "UInt64Value"], major_page_faults: [7, "UInt64Value"],
  },
  ListPodSandboxStatsRequest: { filter: [1, "PodSandboxStatsFilter"] },
  PodSandboxStatsFilter: { id: [1, "string"], label_selector: [2, "map"] },
  ListPodSandboxStatsResponse: { stats: [1, "PodSandboxStats", "repeated"] },
  PodSandboxStats: { attributes: [1, "PodSandboxAttributes"], linux: [2, "LinuxPodSandboxStats"] },
  PodSandboxAttributes: { id: [1, "string"], metadata: [2, "PodSandboxMetadata"], labels: [3, "map"] },
  LinuxPodSandboxStats: { cpu: [1, "CpuUsage"], memory: [2, "MemoryUsage"], network: [3, "NetworkUsage"], process: [4, "ProcessUsage"], containers: [5, "ContainerStats", "repeated"] },
  NetworkUsage: { timestamp: [1, "int"], default_interface: [2, "NetworkInterfaceUsage"], interfaces: [3, "NetworkInterfaceUsage", "repeated"] },
  NetworkInterfaceUsage: {
    name: [1, "string"], rx_bytes: [2, "UInt64Value"], rx_errors: [3, "UInt64Value"], tx_bytes: [4, "UInt64Value"], tx_errors: [5, "UInt64Value"],
  },
  ProcessUsage: { timestamp: [1, "int"], process_count: [2, "UInt64Value"] },

  // --- containerd: events and tasks ---
  Any: { type_url: [1, "string"], value: [2, "bytes"] },
  Timestamp: { seconds: [1, "int"], nanos: [2, "int"] },
  SubscribeRequest: { filters: [1, "string", "repeated"] },
  EventEnvelope: { timestamp: [1, "Timestamp"], namespace: [2, "string"], topic: [3, "string"], event: [4, "Any"] },
  ContainerRequest: { id: [1, "string"] },
  ContainerRecordResponse: { container: [1, "ContainerRecord"] },
  ContainerRecord: { id: [1, "string"], spec: [5, "Any"] },
  ExecProcessRequest: {
    container_id: [1, "string"], stdin: [2, "string"], stdout: [3, "string"], stderr: [4, "string"], terminal: [5, "bool"], spec: [6, "Any"], exec_id: [7, "string"],
  },
  ProcessId: { container_id: [1, "string"], exec_id: [2, "string"] },
  WaitResponse: { exit_status: [1, "int"] },
  CloseIORequest: { container_id: [1, "string"], exec_id: [2, "string"], stdin: [3, "bool"] },
  ResizePtyRequest: { container_id: [1, "string"], exec_id: [2, "string"], width: [3, "int"], height: [4, "int"] },
  KillRequest: { container_id: [1, "string"], exec_id: [2, "string"], signal: [3, "int"] },

  // --- containerd: snapshots ---
  ViewSnapshotRequest: { snapshotter: [1, "string"], key: [2, "string"], parent: [3, "string"], labels: [4, "map"] },
  SnapshotKey: { snapshotter: [1, "string"], key: [2, "string"] },
  SnapshotMounts: { mounts: [1, "SnapshotMount", "repeated"] },
  SnapshotMount: { type: [1, "string"], source: [2, "string"], target: [3, "string"], options: [4, "string", "repeated"] },
  ListSnapshotsRequest: { snapshotter: [1, "string"], filters: [2, "string", "repeated"] },
  ListSnapshotsResponse: { info: [1, "SnapshotInfo", "repeated"] },
  SnapshotInfo: { name: [1, "string"] },

  // --- containerd: leases ---
  ListLeasesRequest: { filters: [1, "string", "repeated"] },
  ListLeasesResponse: { leases: [1, "Lease", "repeated"] },
  Lease: { id: [1, "string"], labels: [3, "map"] },
  DeleteLeaseRequest: { id: [1, "string"], sync: [2, "bool"] },

  Empty: {},
} as const satisfies Table;

export type Messages = typeof messages;
export type M<N extends keyof Messages> = Message<Messages, N>;

/** Enum values of CRI v1. */
export const NAMESPACE = { pod: 0, container: 1, node: 2, target: 3 } as const;
export const PROTOCOL = { TCP: 0, UDP: 1, SCTP: 2 } as const;
export const PROPAGATION = { None: 0, HostToContainer: 1, Bidirectional: 2 } as const;
export const PROFILE = { RuntimeDefault: 0, Unconfined: 1, Localhost: 2 } as const;
export const GROUPS_POLICY = { Merge: 0, Strict: 1 } as const;
export const SANDBOX_READY = 0;
export const CONTAINER_STATES = ["created", "running", "exited", "unknown"] as const;

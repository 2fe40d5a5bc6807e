/** Device plugin API v1beta1 (k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1) as data: message → field → [number, type]. */
import type { Table } from "../runtimes/containerd/protobuf.ts";

export const messages = {
  Empty: {},
  DevicePluginOptions: { pre_start_required: [1, "bool"], get_preferred_allocation_available: [2, "bool"] },
  RegisterRequest: { version: [1, "string"], endpoint: [2, "string"], resource_name: [3, "string"], options: [4, "DevicePluginOptions"] },
  ListAndWatchResponse: { devices: [1, "Device", "repeated"] },
  Device: { ID: [1, "string"], health: [2, "string"] },
  PreStartContainerRequest: { devices_ids: [1, "string", "repeated"] },
  AllocateRequest: { container_requests: [1, "ContainerAllocateRequest", "repeated"] },
  ContainerAllocateRequest: { devices_ids: [1, "string", "repeated"] },
  AllocateResponse: { container_responses: [1, "ContainerAllocateResponse", "repeated"] },
  ContainerAllocateResponse: { envs: [1, "map"], mounts: [2, "Mount", "repeated"], devices: [3, "DeviceSpec", "repeated"], annotations: [4, "map"] },
  Mount: { container_path: [1, "string"], host_path: [2, "string"], read_only: [3, "bool"] },
  DeviceSpec: { container_path: [1, "string"], host_path: [2, "string"], permissions: [3, "string"] },
} as const satisfies Table;

export const VERSION = "v1beta1";
export const HEALTHY = "Healthy";
export const PATHS = {
  register: "/v1beta1.Registration/Register",
  watch: "/v1beta1.DevicePlugin/ListAndWatch",
  allocate: "/v1beta1.DevicePlugin/Allocate",
  preStart: "/v1beta1.DevicePlugin/PreStartContainer",
} as const;

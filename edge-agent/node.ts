/**
 * The device as a Node: labels, capacity and conditions with the words that kubectl users and schedulers know. Pure; the
 * numbers are rounded and conditions change only with their status, so that an idle device has nothing new to say.
 */
import { timestamp } from "../core/api/clock.ts";
import type { NodeCondition, NodeStatus } from "../core/api/types.gen.ts";
import type { FirmwareProfile } from "../firmware-profiles/profile.ts";
import type { MachineFacts } from "./facts.ts";

export interface NodeInput {
  readonly name: string;
  readonly facts: MachineFacts;
  readonly profile: FirmwareProfile | undefined;
  readonly site: string | undefined;
  readonly addresses: readonly string[];
  readonly diskBytes: number;
  readonly pressure: Pressure;
  readonly runtimes: readonly RuntimeReport[];
  readonly agentVersion: string;
  /** extended resources of devices (GPIO, I2C, SPI …) by name */
  readonly devices: { readonly [resource: string]: number };
  readonly maxPods: number;
  readonly previous: readonly NodeCondition[];
  readonly now: number;
}

export interface Pressure {
  readonly memory: boolean;
  readonly disk: boolean;
  readonly pids: boolean;
}

export interface RuntimeReport {
  readonly handler: string;
  readonly version: string;
  /** why it does not work; undefined: it does */
  readonly problem: string | undefined;
}

/** What the agent and the system keep for themselves; kubelet's defaults reserve nothing, which starves small boards. */
const RESERVED_MEMORY_BYTES = 128 * 2 ** 20;
/** Never more than a quarter of the board. */
const RESERVED_SHARE = 0.25;
/** Part of the disk that pods may use: eviction begins at 10 % free (Kubernetes documentation, "Node-pressure Eviction"). */
const DISK_SHARE = 0.9;

export function nodeLabels({ name, facts, profile, site, runtimes }: NodeInput): { readonly [label: string]: string } {
  return {
    "beta.kubernetes.io/arch": facts.arch,
    "beta.kubernetes.io/os": "linux",
    "kubernetes.io/arch": facts.arch,
    "kubernetes.io/hostname": name,
    "kubernetes.io/os": "linux",
    ...(profile === undefined ? {} : { "lichen.dev/board": profile.name }),
    ...(site === undefined ? {} : { "lichen.dev/site": site, "topology.kubernetes.io/zone": site }),
    ...Object.fromEntries(runtimes.map(({ handler }) => [`lichen.dev/runtime-${handler}`, "true"])),
  };
}

export function nodeStatus(input: NodeInput): NodeStatus {
  const { name, facts, runtimes, addresses } = input;
  const containers = runtimes.find(({ handler }) => handler === "containerd");
  const reserved = Math.min(RESERVED_MEMORY_BYTES, facts.memoryBytes * RESERVED_SHARE);
  const fixed = {
    cpu: String(facts.cores),
    ...Object.fromEntries(facts.hugepages.map(({ size, bytes }) => [`hugepages-${size}`, bytes === 0 ? "0" : `${Math.floor(bytes / 2 ** 20)}Mi`])),
    pods: String(input.maxPods),
    ...Object.fromEntries(Object.entries(input.devices).map(([resource, count]) => [resource, String(count)])),
  };
  const huge = facts.hugepages.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    capacity: { ...fixed, memory: kibi(facts.memoryBytes), "ephemeral-storage": kibi(input.diskBytes) },
    allocatable: { ...fixed, memory: kibi(Math.max(0, facts.memoryBytes - reserved - huge)), "ephemeral-storage": String(Math.floor(input.diskBytes * DISK_SHARE)) },
    conditions: conditions(input),
    addresses: [...addresses.map((address) => ({ type: "InternalIP", address })), { type: "Hostname", address: name }],
    nodeInfo: {
      machineID: facts.machineId,
      systemUUID: facts.systemUuid,
      bootID: facts.bootId,
      kernelVersion: facts.kernelVersion,
      osImage: facts.osImage,
      containerRuntimeVersion: (containers ?? runtimes[0])?.version ?? "none://0",
      kubeletVersion: input.agentVersion,
      kubeProxyVersion: "",
      operatingSystem: "linux",
      architecture: facts.arch,
    },
    runtimeHandlers: handlers(runtimes),
  } as NodeStatus;
}

/** The unnamed handler is the default one; it and its name are both listed. */
function handlers(runtimes: readonly RuntimeReport[]): { readonly name: string; readonly features: object }[] {
  const names = runtimes.flatMap(({ handler }) => (handler === "containerd" ? ["", "containerd"] : [handler]));
  return names.map((name) => ({ name, features: { recursiveReadOnlyMounts: false, userNamespaces: false } }));
}

function conditions(input: NodeInput): NodeCondition[] {
  const { pressure, runtimes, facts } = input;
  const problems = runtimes.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  if (runtimes.length === 0) problems.push("this device has no runtime that works");
  if (runtimes.some(({ handler }) => handler === "containerd") && !facts.memoryCgroup) {
    problems.push("the kernel has no memory cgroup; on a Raspberry Pi add cgroup_enable=memory to cmdline.txt");
  }
  const verdicts: readonly (readonly [string, boolean, string, string])[] = [
    ["MemoryPressure", pressure.memory, pressure.memory ? "KubeletHasInsufficientMemory" : "KubeletHasSufficientMemory", pressure.memory ? "kubelet has insufficient memory available" : "kubelet has sufficient memory available"],
    ["DiskPressure", pressure.disk, pressure.disk ? "KubeletHasDiskPressure" : "KubeletHasNoDiskPressure", pressure.disk ? "kubelet has disk pressure" : "kubelet has no disk pressure"],
    ["PIDPressure", pressure.pids, pressure.pids ? "KubeletHasInsufficientPID" : "KubeletHasSufficientPID", pressure.pids ? "kubelet has insufficient PID available" : "kubelet has sufficient PID available"],
    ["Ready", problems.length === 0, problems.length === 0 ? "KubeletReady" : "KubeletNotReady", problems.length === 0 ? "kubelet is posting ready status" : problems.join("; ")],
  ];
  return verdicts.map(([type, holds, reason, message]) => {
    const status = holds ? "True" : "False";
    const before = input.previous.find((each) => each.type === type);
    const same = before?.status === status;
    return {
      type,
      status,
      // the time of the last heartbeat is presence's business: a status that changes every minute would be flash wear
      lastHeartbeatTime: same ? (before.lastHeartbeatTime ?? timestamp(input.now)) : timestamp(input.now),
      lastTransitionTime: same ? (before.lastTransitionTime ?? timestamp(input.now)) : timestamp(input.now),
      reason,
      message,
    };
  });
}

function kibi(bytes: number): string {
  return `${Math.floor(bytes / 1024)}Ki`;
}

/**
 * The device as a Node: labels, capacity and conditions with the words that kubectl users and schedulers know. Pure; the
 * numbers are rounded and conditions change only with their status, so that an idle device has nothing new to say.
 */
import { timestamp } from "../core/api/clock.ts";
import type { ContainerImage, NodeCondition, NodeStatus } from "../core/api/types.gen.ts";
import type { FirmwareProfile } from "../firmware-profiles/profile.ts";
import type { MachineFacts } from "./facts.ts";
import { CONTAINERS } from "./runtime-class.ts";
import type { ImageOnDevice, RuntimeFeatures } from "./runtimes/runtime.ts";
import { bound, type Settings } from "./settings.ts";

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
  readonly settings: Settings;
  readonly images: readonly ImageOnDevice[];
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
  readonly features?: RuntimeFeatures | undefined;
}

/** Nobody listens there: under this port (or none) clients reach the agent's pages through the server, nodes/NAME:10250/proxy. */
const KUBELET_PORT = 10_250;
/** kubelet's nodeStatusMaxImages: a long list would be sent with every change of the node */
const MAX_IMAGES = 50;

export function nodeLabels({ name, facts, profile, site, runtimes }: NodeInput): { readonly [label: string]: string } {
  return {
    "beta.kubernetes.io/arch": facts.arch,
    "beta.kubernetes.io/os": "linux",
    "kubernetes.io/arch": facts.arch,
    "kubernetes.io/hostname": name,
    "kubernetes.io/os": "linux",
    // what is nothing special has no label of ours: it is the node that every Kubernetes user knows
    ...(profile === undefined || profile.match.generic === true ? {} : { "lichen.dev/board": profile.name }),
    ...(site === undefined ? {} : { "lichen.dev/site": site, "topology.kubernetes.io/zone": site }),
    ...Object.fromEntries(runtimes.filter(({ handler }) => handler !== CONTAINERS).map(({ handler }) => [`lichen.dev/runtime-${handler}`, "true"])),
  };
}

export function nodeStatus(input: NodeInput): NodeStatus {
  const { name, facts, runtimes, addresses } = input;
  const containers = runtimes.find(({ handler }) => handler === CONTAINERS);
  const { reserved, evictionHard } = input.settings;
  const kept = (resource: string, whole: number, signal: string) => (reserved[resource] ?? 0) + (evictionHard[signal] === undefined ? 0 : bound(evictionHard[signal], whole));
  const fixed = {
    ...Object.fromEntries(facts.hugepages.map(({ size, bytes }) => [`hugepages-${size}`, bytes === 0 ? "0" : `${Math.floor(bytes / 2 ** 20)}Mi`])),
    pods: String(input.settings.maxPods),
    ...Object.fromEntries(Object.entries(input.devices).map(([resource, count]) => [resource, String(count)])),
  };
  const huge = facts.hugepages.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    capacity: { cpu: String(facts.cores), ...fixed, memory: kibi(facts.memoryBytes), "ephemeral-storage": kibi(input.diskBytes) },
    allocatable: {
      cpu: cores(facts.cores - (reserved["cpu"] ?? 0)),
      ...fixed,
      memory: kibi(Math.max(0, facts.memoryBytes - kept("memory", facts.memoryBytes, "memory.available") - huge)),
      "ephemeral-storage": String(Math.floor(Math.max(0, input.diskBytes - kept("ephemeral-storage", input.diskBytes, "nodefs.available")))),
    },
    conditions: conditions(input),
    daemonEndpoints: { kubeletEndpoint: { Port: KUBELET_PORT } },
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
    images: images(input.images),
    ...handlers(runtimes),
    declaredFeatures: DECLARED_FEATURES,
    ...(containers?.features?.supplementalGroupsPolicy === undefined ? {} : { features: { supplementalGroupsPolicy: containers.features.supplementalGroupsPolicy } }),
  } as NodeStatus;
}

/** The largest first: they are what placing a pod near its image is worth. */
function images(all: readonly ImageOnDevice[]): ContainerImage[] {
  return all
    .map(({ tags, digests, sizeBytes }) => ({ names: [...digests, ...tags], sizeBytes }))
    .filter(({ names }) => names.length > 0)
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, MAX_IMAGES);
}

/** What containerd tells, and the names of the others; nothing: containers, under whatever handler containerd is configured for. */
function handlers(runtimes: readonly RuntimeReport[]): { readonly runtimeHandlers?: NodeStatus["runtimeHandlers"] } {
  const containers = runtimes.find(({ handler }) => handler === CONTAINERS);
  const told = containers?.features?.handlers ?? [];
  const others = runtimes.filter((each) => each !== containers).map(({ handler }) => ({ name: handler, ...NO_FEATURES }));
  // a list without the default handler is one of a device that runs no containers
  const unsaid = containers !== undefined && told.length === 0 && others.length > 0 ? [{ name: "", ...NO_FEATURES }] : [];
  const all = [...told, ...unsaid, ...others];
  return all.length === 0 ? {} : { runtimeHandlers: all.map(({ name, ...features }) => ({ name, features })) };
}

/** What may be asked of this kind of node and not of every one (KEP-5328), sorted. */
const DECLARED_FEATURES = ["ExtendWebSocketsToKubelet", "InPlacePodLevelResourcesVerticalScaling", "InPlacePodVerticalScalingInitContainers", "RestartAllContainersOnContainerExits"];

const NO_FEATURES = { recursiveReadOnlyMounts: false, userNamespaces: false };

function conditions(input: NodeInput): NodeCondition[] {
  const { pressure, runtimes, facts } = input;
  const problems = runtimes.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  if (runtimes.length === 0) problems.push("this device has no runtime that works");
  if (runtimes.some(({ handler }) => handler === CONTAINERS) && !facts.memoryCgroup) {
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

function cores(amount: number): string {
  const milli = Math.floor(Math.max(0, amount) * 1000);
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`;
}

function kibi(bytes: number): string {
  return `${Math.floor(bytes / 1024)}Ki`;
}

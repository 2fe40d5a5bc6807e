/** What a step gets to work with, and what it gives back: a change of the pod's memory. Steps keep nothing themselves. */
import type { Clock } from "../../core/api/clock.ts";
import type { Log } from "../../core/api/log.ts";
import type { Pod } from "../../core/api/types.gen.ts";
import type { NodeFeatures } from "../admit.ts";
import type { DeviceAllocator } from "../devices/allocator.ts";
import type { DownwardFacts } from "../downward.ts";
import type { ObjectSource } from "../environment.ts";
import type { EventSink } from "../events.ts";
import type { PressureType } from "../eviction/pressure.ts";
import type { MemoryChange, PodMemory } from "../memory.ts";
import type { ClusterDns, DnsConfig } from "../network/names.ts";
import type { PodIdentity } from "../pod-directories.ts";
import type { PodFiles } from "../pod-files.ts";
import type { PullSecret, RunningPod, Runtime } from "../runtimes/runtime.ts";
import type { Slots } from "../slots.ts";
import type { Meter } from "../stats/meter.ts";
import type { Volumes } from "../volumes/volumes.ts";
import type { StepOf, StepType } from "./step.ts";

/** What all pods of the device share. */
export interface Device {
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventSink;
  readonly objects: ObjectSource;
  readonly volumes: Volumes;
  readonly files: PodFiles;
  readonly pulls: Slots;
  readonly starts: Slots;
  readonly removals: Slots;
  readonly meter?: Meter;
  /** devices of the board and of plugins */
  readonly devices?: Pick<DeviceAllocator, "allocate">;
  /** the device's own credentials for a registry */
  registryCredentials?(registry: string): readonly PullSecret[];
  hostIPs(): readonly string[];
  /**
   * Makes the NetworkPolicies of a pod hold, before its first process. @returns why they do not hold here.
   * @throws Error when they could not be made to hold yet
   */
  isolate?(pod: Pod): Promise<string | undefined>;
  allocatable(): { readonly [resource: string]: string };
  /** what pods may ask for here; absent: everything */
  features?(): NodeFeatures;
  /** node conditions because of which pods are not taken */
  pressure?(): readonly PressureType[];
  clusterDns(): ClusterDns;
  hostDns(): Promise<DnsConfig>;
  hostsFile(): Promise<string>;
}

export interface StepContext {
  readonly device: Device;
  readonly id: PodIdentity;
  /** undefined for pods that nobody wants any more */
  readonly pod: Pod | undefined;
  readonly runtime: Runtime;
  readonly running: RunningPod | undefined;
  readonly memory: PodMemory;
  /** remembers something before the step is over */
  readonly note: (change: MemoryChange) => void;
  /** the plan no longer wants the step */
  readonly signal: AbortSignal;
}

/** Failures that the plan knows how to handle come back in the memory; a throw is a defect or a broken runtime. */
export type Executor<T extends StepType> = (step: StepOf<T>, context: StepContext) => Promise<MemoryChange>;

export const unchanged: MemoryChange = (memory) => memory;

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function factsOf({ device, running }: StepContext, pod: Pod): DownwardFacts {
  const hostIPs = device.hostIPs();
  const podIPs = pod.spec?.hostNetwork === true ? hostIPs : (running?.ips ?? []);
  return { pod, nodeName: device.nodeName, hostIPs, podIPs, allocatable: device.allocatable() };
}

/**
 * What a container is from its creation on: the plan, what the pod's annotations grant, and what is known of its component.
 * The record has all that a start needs.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../../core/api/clock.ts";
import type { Log } from "../../../core/api/log.ts";
import { messageGrants } from "../../../core/wire/message-grants.ts";
import { isAsynchronous } from "../../../wasm-runtime/bundle.ts";
import { requiredOf } from "../../../wasm-runtime/capabilities.ts";
import { devicePrograms } from "../../../wasm-runtime/device-programs.ts";
import type { StoreGrant } from "../../../wasm-runtime/host/keyvalue.ts";
import { componentState } from "../../../wasm-runtime/process.ts";
import type { Grants } from "../../../wasm-runtime/process.ts";
import type { ContainerPlan } from "../runtime.ts";
import { withDevices } from "./board-grants.ts";
import type { ComponentImages } from "./component-images.ts";
import { linkedTo } from "./composition.ts";
import { containerSettings, memoryOf, preopensOf } from "./container-settings.ts";
import { annotated } from "./grants.ts";
import type { Annotated } from "./grants.ts";
import { groupNameOf } from "./groups.ts";
import { idOf } from "./state.ts";
import type { ContainerRecord, PodState, SandboxRecord } from "./state.ts";

export interface Surroundings {
  readonly dataDir: string;
  readonly state: PodState;
  readonly images: Pick<ComponentImages, "importsOf" | "componentOf">;
  /** where host ports listen */
  readonly nodeAddress: string;
  /** what a pod sends from its own address finds its way out and back */
  readonly sendsFromPods: () => boolean;
  /** from where components learn of Services; absent: of none */
  readonly servicesFile: string | undefined;
  /** the tree that has dev and sys; absent: "/" */
  readonly deviceRoot: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** What one key-value store may take of the device's disk. */
const STORE_BYTES = 16 << 20;

/** @throws Error when what the pod asks for cannot be had here */
export function newContainer(sandbox: SandboxRecord, plan: ContainerPlan, around: Surroundings): ContainerRecord {
  const { container, attempt, image, pod } = plan;
  const { grants: granted, stores = [], process, ...rest } = annotated(pod);
  const imports = around.images.importsOf(image.id);
  const grants = {
    ...boardGrants(granted, plan, around.deviceRoot),
    preopens: preopensOf(plan, around.log),
    ...(stores.length === 0 ? {} : { stores: stores.map((name) => storeOf(around.dataDir, sandbox.namespace, name)) }),
  };
  const settings = containerSettings(plan, sandbox, around.nodeAddress);
  return {
    id: idOf(sandbox.id, container.name, attempt),
    name: container.name,
    attempt,
    image: container.image ?? "",
    imageId: image.digests[0] ?? image.id,
    componentDigest: image.id,
    specHash: plan.specHash,
    createdAt: around.clock.now(),
    ...settings,
    ...rest,
    ...(process === "shared" ? sharing(sandbox, plan, imports, groupNameOf(sandbox.namespace, grants, settings.memoryLimitBytes), around.state) : {}),
    grants,
    addresses: [sandbox.ip],
    ...placeOf(sandbox, around),
    logPath: plan.logPath,
    ...linkedOf(plan, imports, around.images, process),
    ...(speaks(imports) ? { line: messageGrants(pod.metadata.annotations) } : {}),
  };
}

/** @throws Error when the device lacks what a grant needs */
function boardGrants(granted: Annotated["grants"], plan: ContainerPlan, deviceRoot: string | undefined): Grants {
  const grants = withDevices(granted ?? {}, plan.devices);
  const programs = devicePrograms(grants, deviceRoot);
  return {
    ...grants,
    ...(Object.keys(programs).length === 0 ? {} : { programs }),
    ...(deviceRoot === undefined ? {} : { deviceRoot }),
  };
}

/** A store belongs to the namespace on this device: it outlives pods, and all pods that are granted it share it. */
function storeOf(dataDir: string, namespace: string, name: string): StoreGrant {
  const directory = join(dataDir, "keyvalue", namespace, name);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return { name, directory, maxBytes: STORE_BYTES };
}

/** Who shares a process: those that ask for it, but none that has held one up before. @throws Error when it cannot share */
function sharing(sandbox: SandboxRecord, { container, attempt }: ContainerPlan, imports: readonly string[], group: string, state: PodState): Pick<ContainerRecord, "group" | "alone"> {
  // the stack of an asynchronous guest is its own affair; a shared process sets stacks aside itself
  if (isAsynchronous({ imports, exports: [] })) throw new Error("a component of WASI 0.3 does not share a process: remove the pod's annotation wasi.lichen.dev/process");
  const before = state.containers(sandbox.id).filter((one) => one.name === container.name && one.attempt < attempt).toSorted((a, b) => b.attempt - a.attempt)[0];
  const last = before === undefined ? undefined : componentState(state.processDirectoryOf(sandbox.id, before));
  return before?.alone === true || (last?.state === "exited" && last.exit.fault === "culprit") ? { alone: true } : { group };
}

function placeOf({ namespace, ip, hostNetwork }: SandboxRecord, { servicesFile, sendsFromPods }: Surroundings): Pick<ContainerRecord, "place"> {
  if (servicesFile === undefined) return {};
  const routed = !hostNetwork && !ip.startsWith("127.") && sendsFromPods();
  return { place: { namespace, services: servicesFile, ...(routed ? { source: ip } : {}) } };
}

/** What the pod's other components must run together with this one. @throws Error when they are not there */
function linkedOf({ pod, container }: ContainerPlan, imports: readonly string[], images: Pick<ComponentImages, "componentOf">, process: Annotated["process"]): Pick<ContainerRecord, "linked"> {
  if (requiredOf(imports).length === 0) return {};
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const components = new Map(containers.map((one) => [one.name, { component: images.componentOf(one.image ?? ""), memoryLimitBytes: memoryOf(one) }]));
  const parts = containers.map(({ name }) => ({ container: name, interfaces: components.get(name)?.component?.interfaces }));
  const linked = linkedTo(container.name, parts).flatMap((name) => {
    const { component, memoryLimitBytes } = components.get(name) ?? {};
    return component === undefined || memoryLimitBytes === undefined ? [] : [{ componentDigest: component.componentDigest, memoryLimitBytes }];
  });
  if (process === "shared") throw new Error("a component that is linked with others does not share a process: remove the pod's annotation wasi.lichen.dev/process");
  return { linked };
}

/** Whether a component has something for the agent to hear. */
const speaks = (imports: readonly string[]) => imports.some((name) => /^lichen:(?:messaging|metrics)\//.test(name));

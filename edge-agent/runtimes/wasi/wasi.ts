/**
 * Components as a pod runtime. A sandbox is a directory and an address, a container is a host process; nothing else exists,
 * which is why a component pod starts in the time of one process. What a pod may do is what its spec says: environment,
 * arguments, ports to listen on, volumes. There is no other way out of the component.
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Pod } from "../../../core/api/types.gen.ts";
import type { Clock } from "../../../core/api/clock.ts";
import type { Log } from "../../../core/api/log.ts";
import { isAsynchronous, unpackBundle } from "../../../wasm-runtime/bundle.ts";
import { needsOf, requiredOf } from "../../../wasm-runtime/capabilities.ts";
import { devicePrograms } from "../../../wasm-runtime/device-programs.ts";
import { prepareHost } from "../../../wasm-runtime/host-image.ts";
import { moduleCache } from "../../../wasm-runtime/modules.ts";
import type { CachedModule } from "../../../wasm-runtime/modules.ts";
import { componentState, isSigned, startComponent, stopComponent } from "../../../wasm-runtime/process.ts";
import { startPause } from "../../../wasm-runtime/pause.ts";
import { sharedStateDir, startShared } from "../../../wasm-runtime/shared-process.ts";
import { isOnDemand, serveOnDemand } from "../../../wasm-runtime/on-demand.ts";
import type { OnDemand } from "../../../wasm-runtime/on-demand.ts";
import type { LinkedModule, StartOptions } from "../../../wasm-runtime/start-options.ts";
import type { PodPlace } from "../../../wasm-runtime/host/pod-network.ts";
import type { StoreGrant } from "../../../wasm-runtime/host/keyvalue.ts";
import type { Grants } from "../../../wasm-runtime/process.ts";
import { messageGrants } from "../../../core/wire/message-grants.ts";
import type { MessageBus } from "../../message-bus.ts";
import { ImageError } from "../runtime.ts";
import type { ContainerPlan, RunningContainer, RunningPod, Runtime, SandboxOptions } from "../runtime.ts";
import type { ComponentSource } from "./component-source.ts";
import { execInComponent, runInComponent } from "./exec.ts";
import type { Entered } from "./exec.ts";
import { linkedTo } from "./composition.ts";
import type { Part } from "./composition.ts";
import { guestLines } from "./guest-lines.ts";
import { withDevices } from "./board-grants.ts";
import { containerSettings, memoryOf, preopensOf } from "./container-settings.ts";
import { annotated } from "./grants.ts";
import type { Annotated } from "./grants.ts";
import { groupDirectory, groupNameOf, groupOf } from "./groups.ts";
import { imageOf } from "./image-of.ts";
import { loopbackAddresses, loopbackRange } from "./loopback-addresses.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import type { PodAddresses } from "./pod-addresses.ts";
import { idOf, podState, runAs } from "./state.ts";
import type { ContainerRecord, SandboxRecord } from "./state.ts";
import { podUsage } from "./usage.ts";
import { watchProcesses } from "./watch-processes.ts";

export interface WasiRuntimeOptions {
  /** modules and pods are kept below it */
  readonly dataDir: string;
  readonly source: ComponentSource;
  /** PEM (SPKI) of the keys that sign modules; asked for at each start, because keys are rotated */
  readonly publicKeys: () => readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly messages: MessageBus;
  /** where pods get theirs; a part of 127.0.0.0/8 unless given */
  readonly addresses?: PodAddresses;
  /** what a pod sends from its own address finds its way out and back; never unless given */
  readonly sendsFromPods?: () => boolean;
  /** from where components learn of Services; they learn of none unless given */
  readonly servicesFile?: string;
  /** where host ports and pods with `hostNetwork` listen; all addresses unless given */
  readonly nodeAddress?: string;
  readonly maxModuleBytes?: number;
  /** of the board's profile: below 47, memory is checked by code instead of by reserved addresses */
  readonly addressBits?: number;
  /** the tree that has dev and sys; "/" unless given */
  readonly deviceRoot?: string;
}

export interface WasiRuntime extends Runtime {
  /** stops watching; the components run on */
  close(): Promise<void>;
}

/** The WASI release that the host implements. */
const WASI_VERSION = "0.2.12";
const ANY_ADDRESS = "0.0.0.0";
/** What one key-value store may take of the device's disk. */
const STORE_BYTES = 16 << 20;

export function wasiRuntime(options: WasiRuntimeOptions): WasiRuntime {
  const { clock, log, source } = options;
  const host = prepareHost(join(options.dataDir, "host"));
  const state = podState(join(options.dataDir, "pods"));
  const addresses = options.addresses ?? loopbackAddresses(loopbackRange(options.dataDir));
  const kept = addresses.keep?.(state.sandboxes().flatMap(({ ip, hostNetwork }) => (hostNetwork ? [] : [ip])));
  const nodeAddress = options.nodeAddress ?? ANY_ADDRESS;
  const lines = guestLines({ bus: options.messages, log });
  const listeners = new Set<(uid: string | undefined) => void>();
  const children = new Set<string>();
  /** whose processes run, or did */
  const groups = new Set<string>();
  /** containers that have a process only while somebody asks: their sockets are here */
  const onDemand = new Map<string, Promise<OnDemand>>();
  const changed = (uid: string | undefined) => {
    for (const listener of listeners) listener(uid);
  };
  const adopted = adoptable();
  listenToAdopted();
  const watch = watchProcesses({ state, stateDirOf, adopted, groups, groupDirectory: (group) => groupDirectory(options.dataDir, group), ended: lines.close, changed, clock, log });

  const cache = moduleCache({
    directory: join(options.dataDir, "modules"),
    ...(options.maxModuleBytes === undefined ? {} : { maxBytes: options.maxModuleBytes }),
    inUse: () => new Set(state.sandboxes().flatMap(({ id }) => state.containers(id).flatMap((container) => cache.byDigest(container.componentDigest)?.moduleDigest ?? []))),
  });

  const signed = ({ moduleDigest, componentDigest, signature }: CachedModule) => ({ path: cache.pathOf(moduleDigest), moduleDigest, componentDigest, signature });

  function running(sandboxId: string, record: ContainerRecord): RunningContainer {
    const { id, name, attempt, image, imageId, specHash, createdAt } = record;
    const base = { id, name, attempt, image, imageId, specHash, createdAt };
    const found = componentState(stateDirOf(sandboxId, record));
    switch (found.state) {
      case "created":
        return { ...base, state: "created" };
      case "running":
        return { ...base, state: "running", startedAt: found.running.startedAt, ...(found.running.asleep === true ? { asleep: true } : {}) };
      case "exited": {
        const { code, reason, message, startedAt, finishedAt, fault } = found.exit;
        return { ...base, state: "exited", startedAt, finishedAt, exitCode: code, reason, ...(message === undefined ? {} : { message }), ...(fault === "blameless" ? { blameless: true } : {}) };
      }
    }
  }

  const containersOf = ({ id }: SandboxRecord) => state.containers(id).map((container) => running(id, container));

  /** All sandboxes that one pod has had; the newest is the pod, the others still hold ended containers. */
  function runningPod(sandboxes: readonly SandboxRecord[]): RunningPod {
    const [current, ...earlier] = sandboxes.toSorted((a, b) => b.attempt - a.attempt);
    if (current === undefined) throw new Error("a pod has a sandbox");
    return {
      uid: current.uid,
      namespace: current.namespace,
      name: current.name,
      sandboxId: current.id,
      attempt: current.attempt,
      ready: !current.stopped,
      // "all addresses" is where a pod listens, not where it is found
      ips: current.ip === ANY_ADDRESS ? [] : [current.ip],
      createdAt: current.createdAt,
      containers: [...containersOf(current), ...earlier.flatMap((one) => containersOf(one).map((container) => ({ ...container, sandboxId: one.id })))],
      ...(earlier.length === 0 ? {} : { earlierSandboxes: earlier.map(({ id }) => id) }),
    };
  }

  function adoptable(): Map<string, string> {
    const found = new Map<string, string>();
    for (const sandbox of state.sandboxes()) {
      for (const container of state.containers(sandbox.id)) {
        if (componentState(stateDirOf(sandbox.id, container)).state !== "running") continue;
        found.set(container.id, sandbox.uid);
        if (container.group !== undefined) groups.add(container.group);
      }
    }
    return found;
  }

  /** Processes of an earlier agent find the connection to it again. */
  function listenToAdopted(): void {
    for (const sandbox of state.sandboxes()) {
      for (const container of state.containers(sandbox.id)) {
        if (!adopted.has(container.id)) continue;
        listenTo(sandbox, container).catch((error: unknown) => log.warn({ pod: sandbox.name, error }, "a component cannot be heard"));
      }
    }
  }

  async function listenTo(sandbox: SandboxRecord, container: ContainerRecord): Promise<void> {
    if (container.line !== undefined) await lines.open(stateDirOf(sandbox.id, container), { namespace: sandbox.namespace, pod: sandbox.name, container: container.name, grants: container.line });
  }

  /** where a container's process keeps its records */
  function stateDirOf(sandboxId: string, { id, group }: Pick<ContainerRecord, "id" | "group">): string {
    return group === undefined ? state.directoryOf(sandboxId, id) : sharedStateDir(groupDirectory(options.dataDir, group), id);
  }

  /** Who shares a process: those that ask for it, but none that has held one up before. */
  function sharing(sandbox: SandboxRecord, name: string, attempt: number, wanted: Annotated["process"], of: Pick<ContainerRecord, "grants" | "memoryLimitBytes">): Pick<ContainerRecord, "group" | "alone"> {
    if (wanted !== "shared") return {};
    const before = state.containers(sandbox.id).filter((one) => one.name === name && one.attempt < attempt).toSorted((a, b) => b.attempt - a.attempt)[0];
    const last = before === undefined ? undefined : componentState(stateDirOf(sandbox.id, before));
    if (before?.alone === true || (last?.state === "exited" && last.exit.fault === "culprit")) return { alone: true };
    return { group: groupNameOf(sandbox.namespace, of.grants, of.memoryLimitBytes) };
  }

  /** What the pod's other components must run together with this one. @throws Error when they are not there */
  function linkedOf({ pod, container, image: own }: ContainerPlan): Pick<ContainerRecord, "linked"> {
    if (requiredOf(cache.byDigest(own.id)?.imports ?? []).length === 0) return {};
    const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
    const modules = new Map(containers.map(({ name, image }) => [name, cache.get(image ?? "")]));
    const parts = containers.map(({ name }) => ({ container: name, interfaces: interfacesOf(modules.get(name)) }));
    const linked = linkedTo(container.name, parts).map((name) => ({
      componentDigest: modules.get(name)?.componentDigest ?? "",
      memoryLimitBytes: memoryOf(containers.find((one) => one.name === name) ?? container),
    }));
    if (isShared(pod)) throw new Error("a component that is linked with others does not share a process: remove the pod's annotation wasi.lichen.dev/process");
    return { linked };
  }

  function interfacesOf(module: CachedModule | undefined): Part["interfaces"] {
    return module === undefined ? undefined : unpackBundle(readFileSync(cache.pathOf(module.moduleDigest))).header;
  }

  /** @throws Error */
  function librariesOf({ linked = [], image }: ContainerRecord): LinkedModule[] {
    return linked.map(({ componentDigest, memoryLimitBytes }) => {
      const module = cache.byDigest(componentDigest);
      if (module === undefined) throw new Error(`a component that ${image} imports from is no longer on the device: pull it again`);
      return { module: signed(module), memoryLimitBytes };
    });
  }

  /** @throws Error when it does not run */
  function entered(containerId: string): Entered {
    const found = state.find(containerId);
    if (found === undefined) throw new Error(`there is no container ${containerId}`);
    const { record, directory } = found;
    if (componentState(stateDirOf(found.sandboxId, record)).state !== "running") throw new Error(`container ${record.name} does not run`);
    const module = cache.byDigest(record.componentDigest);
    if (module === undefined) throw new Error(`the module of ${record.image} is no longer on the device`);
    return { host, module: signed(module), linked: librariesOf(record), publicKeys: options.publicKeys(), world: module.world, record, directory };
  }

  /** @throws Error when the device lacks what a grant needs */
  function boardGrants(granted: Annotated["grants"], plan: ContainerPlan): Grants {
    const grants = withDevices(granted ?? {}, plan.devices);
    const programs = devicePrograms(grants, options.deviceRoot);
    return {
      ...grants,
      ...(Object.keys(programs).length === 0 ? {} : { programs }),
      ...(options.deviceRoot === undefined ? {} : { deviceRoot: options.deviceRoot }),
    };
  }

  /** A store belongs to the namespace on this device: it outlives pods, and all pods that are granted it share it. */
  function storeOf(namespace: string, name: string): StoreGrant {
    const directory = join(options.dataDir, "keyvalue", namespace, name);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return { name, directory, maxBytes: STORE_BYTES };
  }

  function forget(sandboxId: string, container: ContainerRecord): void {
    if (container.group !== undefined) rmSync(stateDirOf(sandboxId, container), { recursive: true, force: true });
  }

  function placeOf({ namespace, ip, hostNetwork }: SandboxRecord): { place?: PodPlace } {
    if (options.servicesFile === undefined) return {};
    const routed = !hostNetwork && !ip.startsWith("127.") && options.sendsFromPods?.() === true;
    return { place: { namespace, services: options.servicesFile, ...(routed ? { source: ip } : {}) } };
  }

  /** @throws Error when the module is gone */
  function startOf(sandbox: SandboxRecord, record: ContainerRecord): StartOptions {
    const module = cache.byDigest(record.componentDigest);
    if (module === undefined) throw new Error(`the module of ${record.image} is no longer on the device: pull it again`);
    const stateDir = stateDirOf(sandbox.id, record);
    const { idleMs, ...as } = runAs(record);
    return {
      host,
      module: signed(module),
      publicKeys: options.publicKeys(),
      world: module.world,
      ...as,
      // a program has nobody to wake it, and who sleeps hears no messages
      ...(idleMs === undefined || module.world !== "http" || record.line !== undefined ? {} : { idleMs }),
      ...(options.addressBits === undefined ? {} : { addressBits: options.addressBits }),
      listen: module.world === "http" ? record.listen : [],
      logPath: record.logPath,
      agentLine: record.line !== undefined,
      stateDir,
      linked: librariesOf(record),
      onExit() {
        lines.close(stateDir);
        children.delete(record.id);
        changed(sandbox.uid);
      },
    };
  }

  /** Serves a container that has a process only while somebody asks. */
  function demand(sandbox: SandboxRecord, record: ContainerRecord): Promise<OnDemand> {
    const given = startOf(sandbox, record);
    const serving = Promise.resolve(kept).then(() => serveOnDemand({ ...given, idleMs: given.idleMs ?? 0, onChange: () => changed(sandbox.uid) }));
    onDemand.set(record.id, serving);
    return serving;
  }

  /** Those of an earlier agent: it had their sockets, and nobody has them now. */
  function adoptOnDemand(): void {
    for (const sandbox of state.sandboxes()) {
      for (const container of state.containers(sandbox.id)) {
        if (!adopted.has(container.id) || !isOnDemand(stateDirOf(sandbox.id, container))) continue;
        try {
          demand(sandbox, container).catch((error: unknown) => log.warn({ pod: sandbox.name, error }, "a component cannot be served"));
        } catch (error) {
          log.warn({ pod: sandbox.name, error }, "a component cannot be served");
        }
      }
    }
  }

  async function stop(sandboxId: string, container: ContainerRecord, graceMs: number): Promise<void> {
    const stateDir = stateDirOf(sandboxId, container);
    const serving = await onDemand.get(container.id)?.catch(() => undefined);
    onDemand.delete(container.id);
    await (serving === undefined ? stopComponent(stateDir, graceMs) : serving.stop(graceMs));
    lines.close(stateDir);
  }

  async function stopAll(sandboxId: string): Promise<void> {
    await Promise.all(state.containers(sandboxId).map((container) => stop(sandboxId, container, 0)));
  }

  adoptOnDemand();
  return {
    handler: "wasi",
    version: () => Promise.resolve(`wasi://${WASI_VERSION}`),
    health: () => Promise.resolve(process.platform === "linux" ? undefined : "components run on Linux only: their host reads /proc"),

    pods: () => Promise.resolve([...Map.groupBy(state.sandboxes(), ({ uid }) => uid).values()].map(runningPod)),

    changes(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    image(reference) {
      const module = cache.get(reference);
      return Promise.resolve(module === undefined ? undefined : imageOf(module));
    },

    async pullImage(reference, { pod, secrets, signal }) {
      const { descriptor, bytes } = await source.fetch(reference, { secrets, signal });
      const alone = (pod.spec?.containers.length ?? 0) + (pod.spec?.initContainers?.length ?? 0) < 2;
      if (alone) refuseParts(reference, descriptor, bytes);
      if (!isSigned(descriptor, options.publicKeys())) {
        throw new ImageError("SignatureValidationFailed", `the module of ${reference} is not signed by a key this device trusts: enroll the device with the server that made it`);
      }
      try {
        return imageOf(cache.put(reference, descriptor, bytes));
      } catch (error) {
        throw new ImageError("ErrImagePull", `the module of ${reference} could not be kept: ${(error as Error).message}`, error);
      }
    },

    images: () => Promise.resolve(cache.list().map(imageOf)),
    removeImage: (id) => Promise.resolve(cache.remove(id)),

    // two pods must not find the same address free
    startSandbox: oneAtATime(async (pod: Pod, { attempt, hostname }: SandboxOptions) => {
      const uid = pod.metadata.uid ?? "";
      const existing = state.sandboxes().find((sandbox) => sandbox.uid === uid && !sandbox.stopped);
      if (existing !== undefined) return existing.id;
      const hostNetwork = pod.spec?.hostNetwork === true;
      const taken = new Set(state.sandboxes().map(({ ip }) => ip));
      const record: SandboxRecord = {
        id: idOf(uid, attempt),
        uid,
        namespace: pod.metadata.namespace ?? "default",
        name: pod.metadata.name ?? "",
        attempt,
        hostname: hostname || hostnameOf(pod),
        ip: hostNetwork ? nodeAddress : await addresses.take(taken),
        hostNetwork,
        createdAt: clock.now(),
        stopped: false,
      };
      state.saveSandbox(record);
      return record.id;
    }),

    async stopSandbox(sandboxId) {
      const sandbox = state.sandbox(sandboxId);
      if (sandbox === undefined) return;
      await stopAll(sandboxId);
      state.saveSandbox({ ...sandbox, stopped: true });
      changed(sandbox.uid);
    },

    async removeSandbox(sandboxId) {
      await stopAll(sandboxId);
      for (const container of state.containers(sandboxId)) forget(sandboxId, container);
      state.removeSandbox(sandboxId);
    },

    async createContainer(sandboxId, plan) {
      const sandbox = state.sandbox(sandboxId);
      if (sandbox === undefined) throw new Error(`there is no sandbox ${sandboxId}`);
      const { grants: granted, stores = [], process: wanted, ...rest } = annotated(plan.pod);
      const id = idOf(sandboxId, plan.container.name, plan.attempt);
      const grants = { ...boardGrants(granted, plan), preopens: preopensOf(plan, log), ...(stores.length === 0 ? {} : { stores: stores.map((store) => storeOf(sandbox.namespace, store)) }) };
      const settings = containerSettings(plan, sandbox, nodeAddress);
      const imports = cache.byDigest(plan.image.id)?.imports ?? [];
      state.saveContainer(sandboxId, {
        id,
        name: plan.container.name,
        attempt: plan.attempt,
        image: plan.container.image ?? "",
        imageId: plan.image.digests[0] ?? plan.image.id,
        componentDigest: plan.image.id,
        specHash: plan.specHash,
        createdAt: clock.now(),
        ...settings,
        ...rest,
        ...sharing(sandbox, plan.container.name, plan.attempt, isAsynchronous({ imports, exports: [] }) ? refuseSharing(wanted) : wanted, { grants, memoryLimitBytes: settings.memoryLimitBytes }),
        grants,
        addresses: [sandbox.ip],
        ...placeOf(sandbox),
        logPath: plan.logPath,
        ...linkedOf(plan),
        ...(speaks(imports) ? { line: messageGrants(plan.pod.metadata.annotations) } : {}),
      });
      return id;
    },

    async startContainer(containerId) {
      const found = state.find(containerId);
      if (found === undefined) throw new Error(`there is no container ${containerId}`);
      const { record, sandboxId } = found;
      if (componentState(stateDirOf(sandboxId, record)).state !== "created") return;
      const sandbox = state.sandbox(sandboxId);
      if (sandbox === undefined) throw new Error(`there is no sandbox ${sandboxId}`);
      const given = startOf(sandbox, record);
      cache.touch(given.module.moduleDigest);
      await listenTo(sandbox, record);
      children.add(containerId);
      if (given.world === "library") {
        startPause(given.stateDir, () => given.onExit?.());
        changed(sandbox.uid);
        return;
      }
      await kept;
      if (record.group !== undefined) {
        groups.add(record.group);
        watch.groupsChanged();
        await startShared(groupOf(options.dataDir, record, options.addressBits), given);
      } else if (given.idleMs !== undefined) await demand(sandbox, record);
      else await startComponent(given);
      changed(sandbox.uid);
    },

    exec: async (containerId, given) => execInComponent(entered(containerId), given),
    run: async (containerId, given) => runInComponent(entered(containerId), given),

    async stopContainer(containerId, graceSeconds) {
      const found = state.find(containerId);
      if (found === undefined) return;
      await stop(found.sandboxId, found.record, graceSeconds * 1000);
    },

    async removeContainer(containerId) {
      const found = state.find(containerId);
      if (found === undefined) return;
      await stop(found.sandboxId, found.record, 0);
      forget(found.sandboxId, found.record);
      state.removeContainer(containerId);
    },

    series: lines.series,
    usage() {
      const now = clock.now();
      const processesOf = (sandbox: SandboxRecord) => state.containers(sandbox.id).flatMap(({ id, name }) => {
        const found = componentState(state.directoryOf(sandbox.id, id));
        return found.state === "running" ? [{ id, name, pid: found.running.pid }] : [];
      });
      const pods = Map.groupBy(state.sandboxes().filter(({ stopped }) => !stopped), ({ uid }) => uid);
      return Promise.resolve([...pods].map(([uid, sandboxes]) => podUsage(uid, sandboxes.flatMap(processesOf), now)));
    },

    // a host looks at its log's path twice a second and begins anew when the file was renamed
    reopenLog: () => Promise.resolve(),

    close() {
      watch.close();
      for (const serving of onDemand.values()) serving.then((it) => it.release()).catch(() => {});
      lines.closeAll();
      listeners.clear();
      return Promise.resolve();
    },
  };
}

const isShared = (pod: Pod) => annotated(pod).process === "shared";

/** A component that needs others, or serves others only, in a pod without any. @throws ImageError */
function refuseParts(reference: string, { imports }: { readonly imports: readonly string[] }, bytes: Uint8Array): void {
  try {
    needsOf({ imports, exports: unpackBundle(bytes).header.exports });
  } catch (error) {
    throw new ImageError("ErrImagePull", `${reference}: ${(error as Error).message}`, error);
  }
}

/** The stack of an asynchronous guest is its own affair; a shared process sets stacks aside itself. @throws Error */
function refuseSharing(wanted: Annotated["process"]): undefined {
  if (wanted === "shared") throw new Error("a component of WASI 0.3 does not share a process: remove the pod's annotation wasi.lichen.dev/process");
}

/** Whether a component has something for the agent to hear. */
const speaks = (imports: readonly string[]) => imports.some((name) => /^lichen:(?:messaging|metrics)\//.test(name));

/** RFC 1123: a host name has at most 63 characters */
const hostnameOf = (pod: Pod) => (pod.spec?.hostname ?? pod.metadata.name ?? "").slice(0, 63);

/**
 * Components as a pod runtime. A sandbox is a directory and an address, a container is a host process; nothing else exists,
 * which is why a component pod starts in the time of one process. What a pod may do is what its spec says: environment,
 * arguments, ports to listen on, volumes. There is no other way out of the component.
 */
import { join } from "node:path";
import type { Pod } from "../../../core/api/types.gen.ts";
import type { Clock } from "../../../core/api/clock.ts";
import type { Log } from "../../../core/api/log.ts";
import { prepareHost } from "../../../wasm-runtime/host-image.ts";
import { moduleCache } from "../../../wasm-runtime/modules.ts";
import type { ModuleCache } from "../../../wasm-runtime/modules.ts";
import type { MessageBus } from "../../message-bus.ts";
import type { Runtime, SandboxOptions } from "../runtime.ts";
import { componentImages } from "./component-images.ts";
import { componentProcesses } from "./component-processes.ts";
import type { ComponentSource } from "./component-source.ts";
import { execInComponent, runInComponent } from "./exec.ts";
import { guestLines } from "./guest-lines.ts";
import { loopbackAddresses, loopbackRange } from "./loopback-addresses.ts";
import { newContainer } from "./new-container.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import type { PodAddresses } from "./pod-addresses.ts";
import { ANY_ADDRESS, runningContainer, runningPod } from "./running-pod.ts";
import { idOf, podState } from "./state.ts";
import type { PodState, SandboxRecord } from "./state.ts";
import { podUsage } from "./usage.ts";

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

export function wasiRuntime(options: WasiRuntimeOptions): WasiRuntime {
  const { dataDir, clock, log, source, publicKeys, addressBits, deviceRoot, servicesFile, sendsFromPods = () => false, nodeAddress = ANY_ADDRESS } = options;
  const listeners = new Set<(uid: string | undefined) => void>();
  const changed = (uid: string | undefined) => {
    for (const listener of listeners) listener(uid);
  };
  const state = podState(dataDir);
  const images = componentImages({ cache: cacheFor(state, options), source, publicKeys });
  const addresses = options.addresses ?? loopbackAddresses(loopbackRange(dataDir));
  const addressesKept = addresses.keep?.(state.sandboxes().flatMap(({ ip, hostNetwork }) => (hostNetwork ? [] : [ip])));
  const lines = guestLines({ bus: options.messages, log });
  const processes = componentProcesses({ dataDir, state, images, host: prepareHost(join(dataDir, "host")), lines, addressBits, addressesKept, changed, clock, log });

  const stopAll = (sandboxId: string) => Promise.all(state.containers(sandboxId).map(({ id }) => processes.stop(id, 0)));

  return {
    handler: "wasi",
    version: () => Promise.resolve(`wasi://${WASI_VERSION}`),
    health: () => Promise.resolve(process.platform === "linux" ? undefined : "components run on Linux only: their host reads /proc"),

    pods() {
      const contents = (sandbox: SandboxRecord) => ({ sandbox, containers: state.containers(sandbox.id).map((record) => runningContainer(record, processes.stateOf(sandbox.id, record))) });
      return Promise.resolve(podsOf(state.sandboxes()).map(([, sandboxes]) => runningPod(sandboxes.map(contents))));
    },

    changes(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    image: images.image,
    pullImage: images.pullImage,
    images: images.images,
    removeImage: images.removeImage,

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
      for (const { id } of state.containers(sandboxId)) processes.forget(id);
      state.removeSandbox(sandboxId);
    },

    async createContainer(sandboxId, plan) {
      const sandbox = state.sandbox(sandboxId);
      if (sandbox === undefined) throw new Error(`there is no sandbox ${sandboxId}`);
      const record = newContainer(sandbox, plan, { dataDir, state, images, nodeAddress, sendsFromPods, servicesFile, deviceRoot, clock, log });
      state.saveContainer(sandboxId, record);
      return record.id;
    },

    startContainer: processes.start,
    exec: async (containerId, given) => execInComponent(processes.entered(containerId), given),
    run: async (containerId, given) => runInComponent(processes.entered(containerId), given),
    stopContainer: (containerId, graceSeconds) => processes.stop(containerId, graceSeconds * 1000),

    async removeContainer(containerId) {
      await processes.stop(containerId, 0);
      processes.forget(containerId);
      state.removeContainer(containerId);
    },

    series: lines.series,

    usage() {
      const now = clock.now();
      // the figures of a shared process are nobody's in particular
      const processesOf = (sandbox: SandboxRecord) => state.containers(sandbox.id).flatMap((record) => {
        const found = processes.stateOf(sandbox.id, record);
        return found.state === "running" && record.group === undefined ? [{ id: record.id, name: record.name, pid: found.running.pid }] : [];
      });
      return Promise.resolve(podsOf(state.sandboxes().filter(({ stopped }) => !stopped)).map(([uid, sandboxes]) => podUsage(uid, sandboxes.flatMap(processesOf), now)));
    },

    // a host looks at its log's path twice a second and begins anew when the file was renamed
    reopenLog: () => Promise.resolve(),

    close() {
      processes.close();
      listeners.clear();
      return Promise.resolve();
    },
  };
}

const podsOf = (sandboxes: readonly SandboxRecord[]) => [...Map.groupBy(sandboxes, ({ uid }) => uid)];

/** Modules of containers that are there stay, whatever the cache's size. */
function cacheFor(state: PodState, { dataDir, maxModuleBytes }: WasiRuntimeOptions): ModuleCache {
  const cache = moduleCache({
    directory: join(dataDir, "modules"),
    ...(maxModuleBytes === undefined ? {} : { maxBytes: maxModuleBytes }),
    inUse: () => new Set(state.sandboxes().flatMap(({ id }) => state.containers(id).flatMap(({ componentDigest }) => cache.byDigest(componentDigest)?.moduleDigest ?? []))),
  });
  return cache;
}

/** RFC 1123: a host name has at most 63 characters */
const hostnameOf = (pod: Pod) => (pod.spec?.hostname ?? pod.metadata.name ?? "").slice(0, 63);

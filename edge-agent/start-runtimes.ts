/** The runtimes that this device was told to use, and what belongs to them: the agent's own containerd, its cgroups. */
import { rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../core/api/clock.ts";
import type { Log } from "../core/api/log.ts";
import type { FirmwareProfile } from "../firmware-profiles/profile.ts";
import type { AgentConfig } from "./config.ts";
import type { EventSink } from "./events.ts";
import type { MachineFacts } from "./facts.ts";
import type { Identity, IdentityStore } from "./identity/identity.ts";
import type { Registries } from "./images/registries.ts";
import { podDevice } from "./network/pod-device.ts";
import { routedAddresses, type RoutedAddresses } from "./network/routed-addresses.ts";
import { systemProgram } from "./network/system-program.ts";
import type { Cgroups } from "./runtimes/containerd/cgroups.ts";
import type { Containerd } from "./runtimes/containerd/daemon.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import { machineNames } from "./machine-names.ts";
import type { MessageBus } from "./message-bus.ts";
import { directoryFile } from "./services/start-services.ts";
import type { Settings } from "./settings.ts";
import type { Meter } from "./stats/meter.ts";

/** Images of the server's own registry have this host. */
const OWN_REGISTRY = "registry.lichen.internal";

const ip = (...args: readonly string[]) => systemProgram("ip", args);

export interface Runtimes {
  readonly runtimes: readonly Runtime[];
  /** undefined: none, or somebody else's */
  readonly daemon: Containerd | undefined;
  /** the node's range of pod addresses, once it is known and when it changes */
  setPodCidr(cidr: string): Promise<void>;
  /** after the last pod: takes away what the device has outside of its data directory */
  removeTraces(): Promise<void>;
}

export interface RuntimeParts {
  readonly config: AgentConfig;
  readonly settings: Settings;
  readonly registries: Registries;
  readonly identity: () => Identity;
  /** this device's kernel leads what pods send where it should go, and back */
  readonly carriesServices: () => boolean;
  readonly store: IdentityStore;
  readonly facts: MachineFacts;
  readonly profile: FirmwareProfile | undefined;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly log: Log;
  readonly messages: MessageBus;
  readonly meter: Meter;
}

/** Runtimes are loaded only where they are used: memory is short on the boards that run one. */
export const loadRuntime = {
  async containerd() {
    const { containerdRuntime } = await import("./runtimes/containerd/containerd.ts");
    const { cgroups } = await import("./runtimes/containerd/cgroups.ts");
    const { sharesOf } = await import("./runtimes/containerd/cgroup-values.ts");
    return { containerdRuntime, cgroups, sharesOf, ...(await import("./runtimes/containerd/daemon.ts")) };
  },
  async wasi() {
    const { wasiRuntime } = await import("./runtimes/wasi/wasi.ts");
    const { serverComponentSource } = await import("./runtimes/wasi/component-source.ts");
    return { wasiRuntime, serverComponentSource, ...(await import("./runtimes/wasi/loopback-addresses.ts")) };
  },
} as const;

export async function startRuntimes({ config, settings, registries, identity, carriesServices, store, facts, profile, events, clock, log, messages, meter }: RuntimeParts): Promise<Runtimes> {
  const { dataDir, name } = config;
  const runtimes: Runtime[] = [];
  let daemon: Containerd | undefined;
  let tree: Cgroups | undefined;
  let addresses: RoutedAddresses | undefined;
  const names = machineNames(name, dataDir);
  if (config.runtimes.includes("containerd")) {
    const { containerdRuntime, cgroups, sharesOf, containerdMissing, startContainerd } = await loadRuntime.containerd();
    if (config.containerdSocket === undefined) {
      const missing = await containerdMissing();
      if (missing !== undefined) throw new Error(`the containerd runtime cannot be used: ${missing}`);
      const { server } = identity();
      // the device pulls from its server as itself
      const own = { host: OWN_REGISTRY, hosts: [], server: { url: server, ca: store.files.ca, certificate: store.files.certificate, key: store.files.key } };
      const tell = (message: string) => events.node(name, { type: "Warning", reason: "ContainerRuntimeDown", message });
      daemon = await startContainerd({ dataDir, log, clock, registries: [own, ...registries.registries], tell, containersOnly: config.runtimes.includes("wasi") ? undefined : settings.maxPods });
    }
    const { reserved, podPidsLimit } = settings;
    tree = await cgroups({
      root: names.cgroups,
      podPids: podPidsLimit,
      clock,
      allocatable: { cpuShares: sharesOf(facts.cores - (reserved["cpu"] ?? 0)), memory: Math.floor(facts.memoryBytes - (reserved["memory"] ?? 0)) },
    });
    await tree.ensureDevice();
    await rm(names.pipes, { recursive: true, force: true });
    runtimes.push(
      containerdRuntime({
        socket: daemon?.socket ?? config.containerdSocket ?? "",
        device: name,
        snapshotter: daemon?.snapshotter,
        cgroups: tree,
        pipes: names.pipes,
        seccompRoot: join(dataDir, "seccomp"),
        memoryBytes: facts.memoryBytes,
        clock,
        log,
        revive: daemon?.ensureRunning,
        removeForgotten: daemon?.removeForgotten,
        meter,
      }),
    );
  }
  if (config.runtimes.includes("wasi")) {
    const { wasiRuntime, serverComponentSource, loopbackAddresses, loopbackRange } = await loadRuntime.wasi();
    const { server, ca } = identity();
    const source = serverComponentSource({ server, ca, credentials: () => ({ cert: identity().certificate, key: identity().key }), clock });
    const fallback = loopbackAddresses(loopbackRange(dataDir));
    if (process.getuid?.() === 0) addresses = routedAddresses({ device: podDevice(names.network, ip), fallback, clock, log });
    const { addressBits } = profile ?? {};
    runtimes.push(
      wasiRuntime({
        dataDir: join(dataDir, "wasi"),
        source,
        addresses: addresses ?? fallback,
        sendsFromPods: carriesServices,
        servicesFile: directoryFile(dataDir),
        publicKeys: () => identity().moduleKeys,
        clock,
        log,
        messages,
        ...(addressBits === undefined ? {} : { addressBits }),
      }),
    );
  }
  return {
    runtimes,
    daemon,
    async setPodCidr(cidr) {
      addresses?.setPodCidr(cidr);
      await daemon?.setPodCidr(cidr);
    },
    async removeTraces() {
      await tree?.removeDevice();
      await addresses?.remove();
      await rm(names.pipes, { recursive: true, force: true });
      for (let parent = dirname(names.pipes); parent !== "/run"; parent = dirname(parent)) await rmdir(parent).catch(() => {});
    },
  };
}

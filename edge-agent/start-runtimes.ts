/** The runtimes that this device was told to use, and what belongs to them: the agent's own containerd, its cgroups. */
import { join } from "node:path";
import type { Clock } from "../core/api/clock.ts";
import type { Log } from "../core/api/log.ts";
import type { AgentConfig } from "./config.ts";
import type { MachineFacts } from "./facts.ts";
import type { Identity, IdentityStore } from "./identity/identity.ts";
import type { Registries } from "./images/registries.ts";
import type { Cgroups } from "./runtimes/containerd/cgroups.ts";
import type { Containerd } from "./runtimes/containerd/daemon.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import type { MessageBus } from "./message-bus.ts";
import type { Settings } from "./settings.ts";

/** Images of the server's own registry have this host. */
const OWN_REGISTRY = "registry.lichen.internal";

export interface Runtimes {
  readonly runtimes: readonly Runtime[];
  /** undefined: none, or somebody else's */
  readonly daemon: Containerd | undefined;
  /** after the last pod: takes away the device's cgroups, as far as nothing is in them */
  removeCgroups(): Promise<void>;
}

export interface RuntimeParts {
  readonly config: AgentConfig;
  readonly settings: Settings;
  readonly registries: Registries;
  readonly identity: () => Identity;
  readonly store: IdentityStore;
  readonly facts: MachineFacts;
  readonly clock: Clock;
  readonly log: Log;
  readonly messages: MessageBus;
}

/** Runtimes are loaded only where they are used: memory is short on the boards that run one. */
export async function startRuntimes({ config, settings, registries, identity, store, facts, clock, log, messages }: RuntimeParts): Promise<Runtimes> {
  const { dataDir, name } = config;
  const runtimes: Runtime[] = [];
  let daemon: Containerd | undefined;
  let tree: Cgroups | undefined;
  if (config.runtimes.includes("containerd")) {
    const [{ containerdRuntime }, { cgroups }, { sharesOf }] = await Promise.all([
      import("./runtimes/containerd/containerd.ts"),
      import("./runtimes/containerd/cgroups.ts"),
      import("./runtimes/containerd/cgroup-values.ts"),
    ]);
    if (config.containerdSocket === undefined) {
      const { containerdMissing, startContainerd } = await import("./runtimes/containerd/daemon.ts");
      const missing = await containerdMissing();
      if (missing !== undefined) throw new Error(`the containerd runtime cannot be used: ${missing}`);
      const { server } = identity();
      // the device pulls from its server as itself
      const own = { host: OWN_REGISTRY, hosts: [], server: { url: server, ca: store.files.ca, certificate: store.files.certificate, key: store.files.key } };
      daemon = await startContainerd({ dataDir, log, clock, registries: [own, ...registries.registries] });
    }
    const { reserved, podPidsLimit } = settings;
    tree = await cgroups({
      root: `/lichen/${name}/kubepods`,
      podPids: podPidsLimit,
      allocatable: { cpuShares: sharesOf(facts.cores - (reserved["cpu"] ?? 0)), memory: Math.floor(facts.memoryBytes - (reserved["memory"] ?? 0)) },
    });
    await tree.ensureDevice();
    runtimes.push(
      containerdRuntime({
        socket: daemon?.socket ?? config.containerdSocket ?? "",
        device: name,
        cgroups: tree,
        seccompRoot: join(dataDir, "seccomp"),
        memoryBytes: facts.memoryBytes,
        clock,
        log,
        revive: daemon?.ensureRunning,
      }),
    );
  }
  if (config.runtimes.includes("wasi")) {
    const [{ wasiRuntime }, { serverComponentSource }] = await Promise.all([import("./runtimes/wasi/wasi.ts"), import("./runtimes/wasi/component-source.ts")]);
    const { server, ca } = identity();
    const source = serverComponentSource({ server, ca, credentials: () => ({ cert: identity().certificate, key: identity().key }), clock });
    runtimes.push(wasiRuntime({ dataDir: join(dataDir, "wasi"), source, publicKeys: () => identity().moduleKeys, clock, log, messages }));
  }
  return { runtimes, daemon, removeCgroups: async () => tree?.removeDevice() };
}

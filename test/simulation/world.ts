/**
 * Server, link and devices in one process under one virtual clock and one seed: the real control plane (composed as in
 * `core/main.ts`, without ports), the real hub, the real agent; the network, the disks and the containers are made of
 * memory and can fail in every way. A seed decides every fault and every choice; two runs of one seed can still differ by
 * a message or two, because the agent makes its directories on a real disk, which takes real time.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../../core/api/client.ts";
import type { Log } from "../../core/api/log.ts";
import { silentLog } from "../../core/api/log.ts";
import type { AnyObject } from "../../core/api/meta.ts";
import { NODES, PODS } from "../../core/api/resources.gen.ts";
import type { Node, Pod } from "../../core/api/types.gen.ts";
import { AUTHENTICATED, MASTERS } from "../../core/api/user.ts";
import { openPki } from "../../core/auth/pki/pki.ts";
import { controlPlane } from "../../core/compose/control-plane.ts";
import { DEFAULT_CLUSTER_CIDR, DEFAULT_SERVICE_CIDR, DEFAULT_TOLERATION_SECONDS } from "../../core/config.ts";
import { startHub } from "../../core/hub/hub.ts";
import { memoryDriver } from "../../core/store/drivers/memory.ts";
import { openStore } from "../../core/store/open.ts";
import { type MemoryNetwork, memoryNetwork } from "../../core/wire/memory-link.ts";
import { deviceSession } from "../../core/wire/session.ts";
import type { MessageBus } from "../../edge-agent/message-bus.ts";
import { messageBus } from "../../edge-agent/message-bus.ts";
import { agentSession } from "../../edge-agent/session.ts";
import { type FakeRuntime, fakeRuntime } from "../edge-agent/support/fake-runtime.ts";
import { memoryFile } from "../../edge-agent/desired.ts";
import { type TestDevice, testDevice } from "../edge-agent/support/device.ts";
import { seededEntropy } from "../support/control-plane.ts";
import { type VirtualClock, virtualClock } from "../support/virtual-clock.ts";

export interface World {
  readonly clock: VirtualClock;
  readonly admin: Client;
  readonly network: MemoryNetwork;
  readonly chance: () => number;
  device(name: string, options?: { readonly handler?: string }): Promise<SimulatedDevice>;
  /** the hub process dies and another takes its place over the same store */
  restartHub(): Promise<void>;
  pods(): Promise<readonly Pod[]>;
  node(name: string): Promise<Node>;
  /** errors that parts logged */
  readonly complaints: readonly string[];
}

export interface SimulatedDevice {
  readonly name: string;
  readonly runtime: FakeRuntime;
  readonly messages: MessageBus;
  /** the agent process dies and starts again; what runs, runs on */
  restartAgent(): Promise<void>;
  /** power cut: agent and containers are gone; it boots again when `bootMs` have passed */
  powerCut(bootMs: number): Promise<void>;
  /** gone for good, or until powerCut's boot */
  stop(): Promise<void>;
}

export async function simulate(t: { readonly teardown: (end: () => Promise<void>) => void }, seed: number): Promise<World> {
  const clock = virtualClock();
  const entropy = seededEntropy(seed);
  const complaints: string[] = [];
  const complain = (fields: { readonly [field: string]: unknown }, message: string) =>
    void complaints.push(`${message}: ${JSON.stringify(fields, (_key, value: unknown) => (value instanceof Error ? value.message : value))}`);
  const log: Log = { ...silentLog, error: complain, child: () => log };
  const directory = await mkdtemp(join(tmpdir(), "lichen-world-"));
  const life = new AbortController();
  const store = await openStore(memoryDriver(), { clock });
  const pki = await openPki(directory, clock, entropy);
  const parts = { store, pki, clusterCidr: DEFAULT_CLUSTER_CIDR, serviceCidr: DEFAULT_SERVICE_CIDR, tolerationSeconds: DEFAULT_TOLERATION_SECONDS };
  const plane = await controlPlane({ ...parts, clock, entropy, log, signal: life.signal });
  plane.startLoops();
  const admin = plane.registry.clientFor({ name: "admin", groups: [MASTERS, AUTHENTICATED] });
  const network = memoryNetwork({ clock, entropy, reconnectMs: 1_000 });
  const streams = memoryNetwork({ clock, entropy });
  let hubLife = new AbortController();
  const startOne = async () => {
    hubLife = new AbortController();
    const starting = startHub({
      control: network.hub,
      streams: streams.hub,
      clientFor: plane.registry.clientFor,
      informers: plane.informers,
      clock,
      entropy,
      log,
      signal: hubLife.signal,
    });
    await clock.settle();
    await starting;
  };
  await startOne();
  const devices: { stop(): Promise<void> }[] = [];
  t.teardown(async () => {
    for (const one of devices) await one.stop();
    hubLife.abort();
    life.abort();
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function device(name: string, { handler = "containerd" } = {}): Promise<SimulatedDevice> {
    const runtime = fakeRuntime(clock, handler);
    const file = memoryFile();
    const messages = messageBus(clock);
    let agent: TestDevice | undefined;
    let disconnect: () => Promise<void> = async () => {};

    async function boot(): Promise<void> {
      agent = await testDevice({ clock, runtime, file, name });
      agent.report.node(nodeReport(name, handler));
      const link = network.device(name);
      const session = deviceSession({ link, clock, entropy, log: silentLog });
      agentSession({
        session,
        clock,
        log: silentLog,
        desired: agent.desired,
        report: agent.report,
        events: agent.events,
        instance: entropy.uid(),
        agentVersion: "v1.36.0",
        onServerTime: () => {},
        onCertificate: () => {},
        messages,
      });
      disconnect = () => link.close();
    }

    async function end(): Promise<void> {
      const dying = agent;
      agent = undefined;
      await disconnect();
      // not waited for: a process that dies ends nothing in order
      void dying?.agent.close();
      if (dying !== undefined) await rm(dying.dataDir, { recursive: true, force: true });
    }

    await boot();
    const made: SimulatedDevice = {
      name,
      runtime,
      messages,
      async restartAgent() {
        // a device without power has no agent to restart
        if (agent === undefined) return;
        await end();
        await boot();
      },
      async powerCut(bootMs) {
        const off = agent === undefined;
        await end();
        runtime.reboot();
        if (!off) clock.after(bootMs, () => void boot());
      },
      stop: end,
    };
    devices.push(made);
    return made;
  }

  return {
    clock,
    admin,
    network,
    chance: entropy.fraction,
    device,
    async restartHub() {
      hubLife.abort();
      network.forgetHub();
      await startOne();
    },
    pods: async () => (await admin.list(PODS, { namespace: "default" })).items,
    node: (name) => admin.get(NODES, { name }),
    complaints,
  };
}

function nodeReport(name: string, handler: string): { readonly labels: Readonly<Record<string, string>>; readonly status: AnyObject } {
  const amounts = { cpu: "4", memory: "1Gi", pods: "110" };
  const status = {
    capacity: amounts,
    allocatable: amounts,
    runtimeHandlers: [{ name: "" }, { name: handler }],
    conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", message: "kubelet is posting ready status" }],
  };
  return { labels: { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" }, status: status as unknown as AnyObject };
}

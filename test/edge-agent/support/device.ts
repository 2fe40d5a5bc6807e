/** A whole agent without server and without processes: fake runtime, virtual clock, desired state in memory. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../../core/api/log.ts";
import type { AnyObject } from "../../../core/api/meta.ts";
import type { Pod, PodStatus } from "../../../core/api/types.gen.ts";
import { startAgent, type Agent } from "../../../edge-agent/agent.ts";
import { memoryFile, openDesired, type Desired, type DesiredFile } from "../../../edge-agent/desired.ts";
import { eventBuffer, type EventBuffer } from "../../../edge-agent/events.ts";
import { observer } from "../../../edge-agent/observe.ts";
import { podDirectories } from "../../../edge-agent/pod-directories.ts";
import { newReport, type Report } from "../../../edge-agent/report.ts";
import { slots } from "../../../edge-agent/slots.ts";
import { meter, type Meter } from "../../../edge-agent/stats/meter.ts";
import { plainMounter } from "../../../edge-agent/volumes/mounts.ts";
import { volumes, type Volumes } from "../../../edge-agent/volumes/volumes.ts";
import type { PodFiles } from "../../../edge-agent/pod-files.ts";
import type { ObservedEvent, ObservedPod } from "../../../core/wire/messages.ts";
import { virtualClock, type VirtualClock } from "../../support/virtual-clock.ts";
import { fakeRuntime, type FakeRuntime } from "./fake-runtime.ts";

export interface TestDevice {
  readonly clock: VirtualClock;
  readonly runtime: FakeRuntime;
  readonly desired: Desired;
  readonly file: DesiredFile;
  readonly report: Report;
  readonly events: EventBuffer;
  readonly agent: Agent;
  readonly measures: Meter;
  readonly dataDir: string;
  put(...objects: AnyObject[]): Promise<void>;
  drop(pod: Pod): Promise<void>;
  /** what the server was told last of a pod */
  status(name: string): PodStatus;
  told(name: string): ObservedPod | undefined;
  /** everything that happened so far, with counts */
  happened(): readonly ObservedEvent[];
  /** ends the agent and starts another over the same disk and runtime */
  restart(): Promise<TestDevice>;
  close(): Promise<void>;
}

/** Disk operations take real time, which virtual time would overtake: pods without volumes get none. */
function onlyWhereNeeded(real: Volumes): Volumes {
  const mounted = new Set<string>();
  return {
    ...real,
    async mount(pod, facts) {
      if (pod.spec?.volumes === undefined) return;
      mounted.add(pod.metadata.uid ?? "");
      await real.mount(pod, facts);
    },
    async unmount(uid) {
      if (mounted.has(uid)) await real.unmount(uid);
    },
  };
}

const noFiles: PodFiles = {
  logDirectory: async ({ uid }) => `/logs/${uid}`,
  containerFiles: async ({ uid }, name, attempt) => ({ logPath: `/logs/${uid}/${name}/${attempt}.log`, hostsFile: undefined, terminationLog: undefined }),
  remove: async () => {},
  left: async () => [],
};

export interface DeviceSeed {
  readonly name?: string;
  readonly clock?: VirtualClock;
  readonly runtime?: FakeRuntime;
  readonly file?: DesiredFile;
  readonly dataDir?: string;
  /** how far the system's clock, which the runtime tells times by, is behind */
  readonly behindMs?: number;
}

export async function testDevice(seed: DeviceSeed = {}): Promise<TestDevice> {
  const clock = seed.clock ?? virtualClock();
  const behindMs = seed.behindMs ?? 0;
  const agentClock = { ...clock, now: () => clock.now() + behindMs };
  const runtime = seed.runtime ?? fakeRuntime(clock);
  const file = seed.file ?? memoryFile();
  const dataDir = seed.dataDir ?? (await mkdtemp(join(tmpdir(), "lichen-agent-")));
  const desired = await openDesired(file, silentLog);
  const events = eventBuffer(agentClock);
  const report = newReport();
  const directories = podDirectories(dataDir);
  const measures = meter();
  const agent = startAgent({
    device: {
      nodeName: seed.name ?? "device",
      clock: agentClock,
      log: silentLog,
      events,
      objects: desired,
      volumes: onlyWhereNeeded(volumes({ directories, objects: desired, mounter: plainMounter, token: async () => "token", tokenRound: () => "" })),
      files: noFiles,
      pulls: slots(2),
      starts: slots(4), removals: slots(4),
      meter: measures,
      hostIPs: () => ["192.0.2.1"],
      allocatable: () => ({ cpu: "4", memory: "1Gi" }),
      clusterDns: () => ({ servers: ["10.96.0.10"], domain: "cluster.local" }),
      hostDns: async () => ({ servers: ["192.0.2.53"], searches: [], options: [] }),
      hostsFile: async () => "",
    },
    desired,
    observer: observer([runtime], silentLog, undefined, () => behindMs),
    report,
    runtimes: [runtime],
    chooseRuntime: () => runtime,
  });
  await agent.wake();

  const last = new Map<string, ObservedPod>();
  const happened: ObservedEvent[] = [];
  const collect = () => {
    for (const pod of report.next()?.pods ?? []) last.set(pod.name, { ...last.get(pod.name), ...pod });
    happened.push(...events.take());
  };
  return {
    measures, clock, runtime, desired, file, report, events, agent, dataDir,
    put: (...objects) => desired.apply({ full: false, put: objects, drop: [] }),
    drop: (pod) => desired.apply({ full: false, put: [], drop: [["v1/pods", pod.metadata.namespace ?? "", pod.metadata.name ?? ""]] }),
    status(name) {
      collect();
      const status = last.get(name)?.status;
      if (status === undefined) throw new Error(`nothing was reported of pod ${name}`);
      return status as unknown as PodStatus;
    },
    told(name) {
      collect();
      return last.get(name);
    },
    happened() {
      collect();
      return happened;
    },
    async restart() {
      const closing = agent.close();
      await clock.advance(60_000);
      await closing;
      return testDevice({ clock, runtime, file, dataDir });
    },
    async close() {
      const closing = agent.close();
      await clock.advance(3_600_000);
      await closing;
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

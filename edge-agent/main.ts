/**
 * Composition root of the device: identity, runtimes, desired state, agent loop, node report, session. Pods start from
 * the device's own disk before there is a connection, and whether there ever is one.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sleep, systemClock, type Clock } from "../core/api/clock.ts";
import { systemEntropy, type Entropy } from "../core/api/entropy.ts";
import type { Log } from "../core/api/log.ts";
import type { Pod } from "../core/api/types.gen.ts";
import { acceptStreams } from "../core/wire/accept-streams.ts";
import { mqttDevice } from "../core/wire/mqtt-device.ts";
import { deviceSession } from "../core/wire/session.ts";
import { chooseProfile, type FirmwareProfile } from "../firmware-profiles/profile.ts";
import { readProfiles } from "../firmware-profiles/profiles.ts";
import { hostAddresses } from "./addresses.ts";
import { startAgent } from "./agent.ts";
import { AGENT_VERSION, type AgentConfig } from "./config.ts";
import { diskFile, openDesired } from "./desired.ts";
import { eventBuffer } from "./events.ts";
import { messageBus } from "./message-bus.ts";
import { startDevices } from "./devices/devices.ts";
import type { PressureType, Verdict } from "./eviction/pressure.ts";
import { readFacts, type MachineFacts } from "./facts.ts";
import { hintedClock } from "./hinted-clock.ts";
import { enroll, EnrollmentRefused, renewExpired } from "./identity/enroll.ts";
import { identityStore, type Identity, type IdentityStore } from "./identity/identity.ts";
import { startRenewal } from "./identity/renewal.ts";
import { readRegistries } from "./images/registries.ts";
import { parseResolvConf } from "./network/names.ts";
import type { Pressure } from "./node.ts";
import { nodeReporter } from "./node-reporter.ts";
import { observer } from "./observe.ts";
import { claimDirectory } from "./only-agent.ts";
import { podDirectories } from "./pod-directories.ts";
import { diskPodFiles } from "./pod-files.ts";
import { followPodCidr } from "./pod-network.ts";
import { newReport } from "./report.ts";
import { chooseRuntime, handlerOf } from "./runtime-class.ts";
import type { Usage } from "./runtimes/runtime.ts";
import { startServices, type DeviceServices } from "./services/start-services.ts";
import { agentSession, type AgentSession } from "./session.ts";
import { readSettings } from "./settings.ts";
import { slots } from "./slots.ts";
import { startRuntimes } from "./start-runtimes.ts";
import { machineUsage } from "./stats/machine-usage.ts";
import { meter } from "./stats/meter.ts";
import { sampler } from "./stats/sampler.ts";
import { kubeletPages } from "./streams/kubelet-pages.ts";
import { podLoopback } from "./streams/pod-loopback.ts";
import { staticPods } from "./static-pods.ts";
import { streamServer } from "./streams/serve.ts";
import { terminationMessages } from "./termination-message.ts";
import { openTokens } from "./tokens.ts";
import { startUpkeep, type Upkeep } from "./upkeep.ts";
import { linuxMounter, plainMounter } from "./volumes/mounts.ts";
import { volumes } from "./volumes/volumes.ts";

export { loadRuntime } from "./start-runtimes.ts";

export interface RunningAgent {
  /** resolves when the server knows this device and it is Ready; rejects when it cannot start */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

export interface AgentSurroundings {
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly clock?: Clock;
  readonly entropy?: Entropy;
}

/** Each start forks runc several times; four keep a quad-core board busy. */
const STARTS_AT_ONCE = 4;
/** Each removal runs network plugins that wait for one lock of the packet filter: more at once only time out together. */
const REMOVALS_AT_ONCE = 4;
const ENROLL_FIRST_MS = 1_000;
const ENROLL_MAX_MS = 60_000;
/** A server that was named anew is asked this long where its broker is. */
const MOVED_MS = 5_000;
/** Nothing else may keep the process alive while the device is offline. */
const KEEP_ALIVE_MS = 2 ** 30;

export function runAgent(config: AgentConfig, surroundings: AgentSurroundings): RunningAgent {
  const closing: (() => Promise<void> | void)[] = [];
  const ended = new AbortController();
  const signal = AbortSignal.any([surroundings.signal, ended.signal]);
  const alive = setInterval(() => {}, KEEP_ALIVE_MS);
  let closed: Promise<void> | undefined;

  const ready = start(config, { ...surroundings, signal }, (step) => void closing.push(step));
  // who only closes need not handle a failed start
  ready.catch(() => {});
  return {
    ready,
    close() {
      closed ??= (async () => {
        ended.abort();
        await ready.catch(() => {});
        for (const step of closing.toReversed()) await step();
        clearInterval(alive);
      })();
      return closed;
    },
  };
}

async function start(config: AgentConfig, { signal, log, clock: baseClock = systemClock, entropy = systemEntropy }: AgentSurroundings, onClose: (step: () => Promise<void> | void) => void): Promise<void> {
  const { name, dataDir } = config;
  const clock = hintedClock(baseClock);
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  onClose(await claimDirectory(dataDir));
  const store = identityStore(dataDir);
  let identity = await enrolled(config, store, { signal, log, clock });

  const facts = await readFacts();
  const profile = chosenProfile(config.profile, facts);
  log.info({ name, board: profile?.name, arch: facts.arch }, "starting the agent");
  const directories = podDirectories(dataDir);
  const told = await openDesired(diskFile(join(dataDir, "desired.json"), log), log);
  const settings = await readSettings(join(dataDir, "kubelet.json"), facts);
  const registries = await readRegistries(join(dataDir, "registries.json"));
  const messages = messageBus(clock);
  let services: DeviceServices | undefined;
  const events = eventBuffer(clock);
  const measures = meter();
  const { runtimes, daemon, setPodCidr, removeTraces } = await startRuntimes({ messages, meter: measures, config, settings, registries, identity: () => identity, carriesServices: () => services?.works === true, store, facts, profile, events, clock: baseClock, log });
  onClose(async () => {
    for (const runtime of runtimes) await runtime.close?.();
    if (config.drainOnExit !== true) return;
    await daemon?.stop();
    await removeTraces();
  });

  const report = newReport();
  const statics = await staticPods({ directory: join(dataDir, "manifests"), nodeName: name, desired: told, report, clock, log });
  onClose(() => statics.close());
  const { desired } = statics;
  const watching = observer(runtimes, log, terminationMessages(directories, desired.pod), clock.ahead);
  const devices = await startDevices({ dataDir, clock, log, signal });
  onClose(() => devices.close());
  const addresses = hostAddresses(clock);
  const reporter = nodeReporter({ name, site: config.site ?? identity.site, profile, facts, runtimes, dataDir, settings, addresses, pressure: () => pressureOf(upkeep?.eviction.conditions()), devices: devices.counts, report, clock, log });
  onClose(() => reporter.close());
  // pods of a node that is not ready are marked as such by the server
  reporter.onReady(report.allAgain);
  let session: AgentSession | undefined;
  let upkeep: Upkeep | undefined;
  const tokens = await openTokens({
    file: join(dataDir, "tokens.json"),
    clock,
    log,
    ask: (request) => (session === undefined ? Promise.reject(new Error("there is no connection to the server")) : session.token(request)),
  });
  desired.onChange(() => tokens.keepOnly(new Set(desired.pods().map(({ metadata }) => metadata.uid ?? ""))));

  const mounter = process.getuid?.() === 0 ? linuxMounter : plainMounter;
  if (config.runtimes.includes("containerd")) {
    await mkdir(directories.root, { recursive: true, mode: 0o711 });
    await mounter.share(directories.root).catch((error: unknown) => log.warn({ error: String(error) }, "mounts cannot be shared with containers"));
  }
  const podVolumes = volumes({ directories, objects: desired, mounter, token: tokens.get, tokenRound: tokens.round });
  const agent = startAgent({
    device: {
      nodeName: name,
      clock,
      log,
      events,
      objects: desired,
      volumes: podVolumes,
      files: diskPodFiles(directories),
      pulls: slots(settings.pullsAtOnce),
      starts: slots(STARTS_AT_ONCE),
      removals: slots(REMOVALS_AT_ONCE),
      meter: measures,
      hostIPs: addresses,
      isolate: async (pod) => services?.isolate(pod),
      devices,
      registryCredentials: registries.credentials,
      allocatable: () => reporter.status()?.allocatable ?? {},
      pressure: () => pressing(upkeep?.eviction.conditions()),
      features: () => ({ appArmor: facts.appArmor, strictGroups: reporter.status()?.features?.supplementalGroupsPolicy === true }),
      clusterDns: () => ({ servers: identity.clusterDns ?? [], domain: identity.clusterDomain ?? "cluster.local" }),
      hostDns: async () => parseResolvConf(await resolverOfHost()),
      hostsFile: () => readFile("/etc/hosts", "utf8").catch(() => ""),
    },
    desired,
    observer: watching,
    report,
    runtimes,
    chooseRuntime: (pod) => chooseRuntime(handlerOf(pod, desired), runtimes),
  });
  onClose(async () => {
    const drain = config.drainOnExit === true;
    await agent.close({ drain });
    await podVolumes.close(drain);
  });
  const over = (uid: string) => ["Succeeded", "Failed"].includes(agent.status(uid)?.phase ?? "");
  const kept = startUpkeep({ nodeName: name, dataDir, settings, runtimes, directories, importImage: daemon?.importImage, observed: watching.pods, pods: desired.pods, evict: agent.evict, over, events, meter: measures, clock, log, signal });
  upkeep = kept;
  kept.eviction.onChange(() => void reporter.look());
  devices.onChange(() => void reporter.look());
  desired.onChange(() => void devices.keepOnly(new Set([...desired.pods().map(({ metadata }) => metadata.uid ?? ""), ...watching.pods().keys()])));
  onClose(() => kept.close());
  const podsHere = () => [...watching.pods()].flatMap(([uid, { pod: { ips } }]) => (desired.pod(uid) === undefined ? [] : [{ pod: desired.pod(uid) as Pod, ips }]));
  services = await startServices({ node: name, dataDir, desired, podRanges: () => identity.podRanges ?? [], domain: () => identity.clusterDomain ?? "cluster.local", pods: podsHere, clock, log });
  const { close: closeServices, setPodCidr: setServicesCidr } = services;
  onClose(() => closeServices(config.drainOnExit === true));
  const usePodCidr = (cidr: string) => Promise.all([setPodCidr(cidr), setServicesCidr(cidr)]);
  followPodCidr({ node: name, configured: config.podCidr, desired, clock, log, set: usePodCidr });
  await reporter.look();
  await agent.wake();

  const link = connection(() => identity, { clock, entropy, log });
  onClose(async () => {
    await link.streams.close();
    await link.control.close();
  });
  const startedAt = clock.now();
  const running = () => new Map([...watching.pods()].map(([uid, { pod }]) => [uid, pod]));
  const pages = kubeletPages({
    nodeName: name,
    version: AGENT_VERSION,
    machine: facts,
    startedAt,
    sampler: sampler({ runtimes, machine: () => machineUsage({ dataDir, now: clock.now() }), agent: () => ownUsage(clock.now()), clock, log }),
    runtimes,
    directories,
    objects: desired,
    meter: measures,
    running,
    pods: desired.pods,
    status: agent.status,
    problem: () => reporter.status()?.conditions?.find(({ type, status }) => type === "Ready" && status !== "True")?.message,
    settings,
  });
  const loopback = podLoopback(clock);
  onClose(() => loopback.close());
  const serve = streamServer({ observer: watching, status: agent.status, directories, clock, pages, loopback });
  // the API knows a static pod by the uid of its mirror
  const serveMirrors: typeof serve = (request) => serve("uid" in request ? { ...request, uid: statics.uidOf(request.uid) } : request);
  acceptStreams(link.streams, serveMirrors, (reason) => log.warn({ reason }, "refused a stream"));
  const wire = deviceSession({ link: link.control, clock, entropy, log });
  session = agentSession({
    session: wire,
    clock,
    log,
    desired,
    report,
    events,
    instance: entropy.uid(),
    agentVersion: AGENT_VERSION,
    onServerTime(now) {
      if (!clock.hint(now)) return;
      const message = `The clock of this device is ${Math.round(clock.ahead() / 3_600_000)} hours behind the server's; times are told by the server's until it is set`;
      events.node(name, { type: "Warning", reason: "ClockBehind", message });
    },
    onCertificate: (chain) => void renewal.received(chain),
    messages,
  });
  const asking = session;
  const renewal = startRenewal({
    current: () => identity,
    async change(next) {
      identity = next;
      await store.write(next);
    },
    ask: (csr) => asking.renew(csr),
    clock,
    log,
    signal,
  });

  await untilReady(wire, reporter, signal);
}

/** Connected, and everything on the device works. */
function untilReady(wire: { onStart(listener: () => void): void }, reporter: { ready(): boolean; onReady(listener: () => void): void }, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let connected = false;
    const check = () => {
      if ((connected && reporter.ready()) || signal.aborted) resolve();
    };
    wire.onStart(() => {
      connected = true;
      check();
    });
    reporter.onReady(check);
    signal.addEventListener("abort", check, { once: true });
    check();
  });
}

async function enrolled(config: AgentConfig, store: IdentityStore, { signal, log, clock }: { readonly signal: AbortSignal; readonly log: Log; readonly clock: Clock }): Promise<Identity> {
  const known = await store.read();
  if (known !== undefined) {
    if (known.name !== config.name) throw new Error(`this data directory belongs to the device "${known.name}"; give "${config.name}" one of its own`);
    if (config.server === undefined || config.server === known.server) return known;
    const moved = { ...known, server: config.server };
    // a server that moved has another broker address too; without an answer the device starts with what it knows
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(MOVED_MS)]);
    const found = await renewExpired(moved, inTime).catch(() => moved);
    await store.write(found);
    return found;
  }
  const { server, token, name, site } = config;
  if (server === undefined || token === undefined) throw new Error("the device is not enrolled yet: give it --server and --token (make a token with `lichen token create`)");
  for (let pause = ENROLL_FIRST_MS; ; pause = Math.min(pause * 2, ENROLL_MAX_MS)) {
    try {
      const key = await store.enrollingKey();
      const fresh = { ...(await enroll({ server, token, name, site, key, signal })), obtainedAt: clock.now() };
      await store.write(fresh);
      log.info({ name, server }, "the device is enrolled");
      return fresh;
    } catch (error) {
      if (error instanceof EnrollmentRefused || signal.aborted) throw error;
      log.warn({ server, error: error instanceof Error ? error.message : String(error) }, "the server cannot be reached; trying again");
    }
    await sleep(clock, pause, signal);
  }
}

function pressureOf(conditions: Verdict["conditions"] | undefined): Pressure {
  return { memory: conditions?.MemoryPressure === true, disk: conditions?.DiskPressure === true, pids: conditions?.PIDPressure === true };
}

function pressing(conditions: Verdict["conditions"] | undefined): readonly PressureType[] {
  return (["MemoryPressure", "DiskPressure", "PIDPressure"] as const).filter((condition) => conditions?.[condition] === true);
}

/** Of this process. */
function ownUsage(at: number): Usage {
  const { rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return { at, cpu: (user + system) * 1000, workingSet: rss, memory: rss, rss };
}

function connection(identity: () => Identity, parts: { readonly clock: Clock; readonly entropy: Entropy; readonly log: Log }) {
  const { name, mqtt } = identity();
  const options = { node: name, urls: mqtt, tls: () => ({ ca: identity().ca, cert: identity().certificate, key: identity().key }), ...parts };
  return { control: mqttDevice(options), streams: mqttDevice({ ...options, channel: "streams" as const }) };
}

function chosenProfile(name: string | undefined, facts: MachineFacts): FirmwareProfile | undefined {
  const profiles = readProfiles();
  if (name === undefined) return chooseProfile(profiles, facts);
  const found = profiles.find((profile) => profile.name === name);
  if (found === undefined) throw new Error(`there is no firmware profile "${name}"; there are ${profiles.map((profile) => profile.name).join(", ")}`);
  return found;
}

/** systemd-resolved's stub listens on the host's loopback, which pods do not have. */
async function resolverOfHost(): Promise<string> {
  const own = await readFile("/etc/resolv.conf", "utf8").catch(() => "");
  if (!/^nameserver\s+127\.0\.0\.53/m.test(own)) return own;
  return readFile("/run/systemd/resolve/resolv.conf", "utf8").catch(() => own);
}

/**
 * Which devices are alive, and the Node conditions that follow.
 *
 * Two wishes pull apart. A dead device should be known within 15 seconds, because its pods are to run elsewhere. An idle
 * device should send no more than a PINGREQ a minute (128 bytes up with TLS and TCP headers), because someone pays for
 * each megabyte. Even an empty TCP acknowledgement every 12 seconds is 260 bytes a minute, so no method has both for the
 * same device. What settles it is who needs to know: a device on which nothing runs that could run elsewhere has nothing
 * to lose, and learns its pods by being told, which asks it at that moment.
 *
 * - A device with movable pods (running, and not a DaemonSet's) is asked after 8 s of silence, again every 2 s, and
 *   lost after 5 s without an answer: 8 + 5 s and two ticks. Whatever it says for other reasons counts as an answer,
 *   so a busy device is never asked. Asked all the time it costs about 0.9 KB a minute up, a ninth of a kubelet's lease.
 * - A device without is asked every five minutes, beside the broker's keepalive (60 s, so 90 s until its will).
 * - When the broker says that a connection closed, the device has 10 s to come back: a restart of the agent or of a
 *   mobile network is no loss.
 * - A device that is connected but has no session here, or counts as lost, is asked with growing pauses, so that it is
 *   back as soon as it can be.
 * - `watchIdle` treats all devices like the first kind.
 *
 * A broker or server that was away says nothing about devices: after it is back, every device has the longest reconnect
 * pause to return before it is judged. All of this is memory; only a change is written, to the Node (and node-leases.ts).
 *
 * judge.ts decides and is pure; here the clock is looked at twice a second and the verdicts are carried out.
 */
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import { NODES, PODS } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { Informers } from "../control/control.ts";
import type { Device, PresenceLimits } from "./judge.ts";
import { isMovable, judge, PRESENCE_LIMITS } from "./judge.ts";
import { isDevice, silentStatus } from "./node-status.ts";

const TICK_MS = 500;
/** Until the Node of a lost device is tried again, when the registry refused or failed. */
const RETRY_MS = 1_000;
/** Between questions to a device without a session: at first, and at most. */
const PAUSE_MS = 2_000;
const MAX_PAUSE_MS = 60_000;
const PAUSE_GROWTH = 1.5;
const ON_NODE = "node";

export interface PresenceCounters {
  devices: number;
  present: number;
  questions: number;
  lost: number;
  returned: number;
}

export interface Presence {
  /** a session began. `true`: the device counted as lost until now */
  arrived(node: string): boolean;
  /** any message */
  heard(node: string): void;
  /** its session ended */
  left(node: string): void;
  /** the broker's word on its connection */
  connection(node: string, open: boolean): void;
  /** the broker cannot be reached, or can again */
  reachable(reachable: boolean): void;
  isPresent(node: string): boolean;
  readonly counters: Readonly<PresenceCounters>;
}

export function presence(options: {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** asks the device; failing to send is an answer too: none */
  readonly ask: (node: string) => void;
  /** the device spoke again within the session in which it was lost: its report is out of date */
  readonly revived: (node: string) => void;
  readonly limits?: Partial<PresenceLimits>;
}): Presence {
  const { client, informers, clock, log, signal } = options;
  const limits = { ...PRESENCE_LIMITS, ...options.limits };
  const counters = { questions: 0, lost: 0, returned: 0 };
  const devices = new Map<string, Device>();
  const nodes = informers.of(NODES);
  const pods = informers.of(PODS);
  pods.addIndex(ON_NODE, (pod) => [pod.spec?.nodeName ?? ""]);
  let reachable = true;
  let returnBy = clock.monotonic() + limits.firstReturnMs;

  /** answers that no pod has changed since: most devices are looked at often and change rarely */
  const movable = new Map<string, boolean>();
  const hasMovable = (node: string) => {
    const known = movable.get(node);
    if (known !== undefined) return known;
    const answer = pods.by(ON_NODE, node).some(isMovable);
    movable.set(node, answer);
    return answer;
  };
  const unwatch = pods.subscribe((now, old) => {
    for (const pod of [now, old]) movable.delete(pod?.spec?.nodeName ?? "");
  });

  const ask = (node: string, device: Device, now: number) => {
    counters.questions++;
    if (device.askedAt === 0) device.askedAt = now;
    device.lastAskedAt = now;
    if (device.state !== "present") device.pauseMs = Math.min(device.pauseMs * PAUSE_GROWTH, MAX_PAUSE_MS);
    options.ask(node);
  };
  const lose = (node: string, device: Device) => {
    device.state = "lost";
    device.pauseMs = PAUSE_MS;
    counters.lost++;
    log.warn({ node, silentMs: Math.round(clock.monotonic() - device.heardAt) }, "a device is lost: its node's conditions become Unknown");
    markSilent(node, device).catch((error: unknown) => log.error({ node, error }, "the node of a lost device could not be marked"));
  };
  const markSilent = async (name: string, device: Device) => {
    while (device.state === "lost" && devices.get(name) === device && !signal.aborted) {
      try {
        const node = await client.get(NODES, { name });
        const status = silentStatus(node.status, clock.now());
        if (status !== undefined && devices.get(name) === device) await client.update(NODES, { name, subresource: "status" }, { ...node, status });
        return;
      } catch (error) {
        if (isReason(error, "NotFound")) {
          // never registered, or deleted: nothing to keep
          if (devices.get(name) === device) devices.delete(name);
          return;
        }
        if (!isReason(error, "Conflict")) {
          log.warn({ node: name, error }, "marking the node of a lost device failed, trying again");
          await new Promise<void>((resolve) => {
            clock.after(RETRY_MS, resolve);
          });
        }
      }
    }
  };

  const tick = () => {
    if (signal.aborted) return;
    const now = clock.monotonic();
    if (reachable) {
      for (const [node, device] of devices) {
        // cheap answer first: most devices were heard lately or have nothing that could move
        const silent = now - device.heardAt >= limits.askAfterMs;
        const verdict = judge(device, now, silent && hasMovable(node), limits);
        if (verdict === "ask") ask(node, device, now);
        else if (verdict === "lose") lose(node, device);
      }
    }
    cancel = devices.size === 0 ? undefined : clock.after(TICK_MS, tick);
  };
  // a server without devices has nothing to look at
  let cancel: (() => void) | undefined;
  const keep = (node: string, device: Device) => {
    devices.set(node, device);
    cancel ??= clock.after(TICK_MS, tick);
  };
  const expect = (node: string, dueAt: number) => {
    const now = clock.monotonic();
    keep(node, { state: "away", heardAt: now, askedAt: 0, lastAskedAt: now, dueAt, connected: true, pauseMs: PAUSE_MS });
  };
  // devices of an earlier life of this server: they get the time to find it again
  const unsubscribe = nodes.subscribe((now, old) => {
    const name = (now ?? old)?.metadata.name ?? "";
    if (now === undefined) {
      devices.delete(name);
      movable.delete(name);
    } else if (!devices.has(name) && isDevice(now)) expect(name, Math.max(returnBy, clock.monotonic() + limits.returnMs));
  });
  for (const node of nodes.list()) if (isDevice(node)) expect(node.metadata.name ?? "", returnBy);

  signal.addEventListener(
    "abort",
    () => {
      cancel?.();
      unsubscribe();
      unwatch();
    },
    { once: true },
  );

  return {
    get counters() {
      const present = [...devices.values()].filter(({ state }) => state === "present").length;
      return { ...counters, devices: devices.size, present };
    },
    isPresent: (node) => devices.get(node)?.state === "present",
    arrived(node) {
      const wasLost = devices.get(node)?.state === "lost";
      if (wasLost) counters.returned++;
      const now = clock.monotonic();
      keep(node, { state: "present", heardAt: now, askedAt: 0, lastAskedAt: now, dueAt: 0, connected: true, pauseMs: PAUSE_MS });
      return wasLost;
    },
    heard(node) {
      const device = devices.get(node);
      if (device === undefined || device.state === "away") return;
      device.heardAt = clock.monotonic();
      device.askedAt = 0;
      if (device.state === "lost") options.revived(node);
    },
    connection(node, open) {
      const device = devices.get(node);
      if (device === undefined) return;
      device.connected = open;
      device.pauseMs = PAUSE_MS;
      if (!open) this.left(node);
    },
    left(node) {
      const device = devices.get(node);
      if (device === undefined || device.state !== "present") return;
      device.lastAskedAt = clock.monotonic();
      device.pauseMs = PAUSE_MS;
      device.state = "away";
      device.dueAt = Math.max(reachable ? 0 : returnBy, clock.monotonic() + limits.returnMs);
    },
    reachable(now) {
      reachable = now;
      returnBy = clock.monotonic() + limits.firstReturnMs;
      for (const device of devices.values()) {
        if (device.state === "present") device.state = "away";
        device.connected = true;
        device.lastAskedAt = clock.monotonic();
        device.pauseMs = PAUSE_MS;
        if (device.state === "away") device.dueAt = returnBy;
      }
    },
  };
}

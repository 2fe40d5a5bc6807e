/**
 * Keeps each connected device at its desired set. A change of an object marks the devices that depend on it; once per
 * tick each marked device's set is worked out anew and what differs from what it has is sent. Nothing is kept for
 * devices that are away: with the session begins what they have, and with it what they lack.
 *
 * Memory of a device: one version per object that it holds, and one entry per object that it asked for.
 */
import type { Resource } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import type { AnyObject, KubeObject } from "../api/meta.ts";
import { apiVersionOf } from "../api/meta.ts";
import { PODS } from "../api/resources.gen.ts";
import type { Pod } from "../api/types.gen.ts";
import type { Informers } from "../control/control.ts";
import type { Have, ObjectKey } from "../wire/messages.ts";
import { DEVICE_RESOURCES, desiredFor } from "./desired-set.ts";
import type { Lookup } from "./desired-set.ts";
import { deviceView } from "./device-view.ts";
import type { HubSession } from "./sessions.ts";

export interface DesiredCounters {
  /** messages and objects sent to devices */
  messages: number;
  puts: number;
  drops: number;
}

export interface Desired {
  /** the informers have all that devices may need */
  synced(): Promise<void>;
  start(session: HubSession, have: readonly Have[]): void;
  stop(session: HubSession): void;
  /** sends everything as one full message */
  snapshot(session: HubSession): void;
  readonly counters: DesiredCounters;
}

/** Objects in one message: what arrives is applied while the rest is under way. */
const BATCH_BYTES = 1024 * 1024;
/** A snapshot has to be one message; a device with more is asked for a new session, which is sent in batches. */
const SNAPSHOT_BYTES = 4 * 1024 * 1024;
const ON_NODE = "node";

interface Device {
  readonly session: HubSession;
  /** version of each object that the device has */
  readonly has: Map<string, string>;
  /** what its set depends on */
  asked: Set<string>;
  sending: boolean;
  /** the first message of a session goes out even when it says nothing: silence would mean a lost hello */
  greeted: boolean;
}

export function desired(options: { readonly informers: Informers; readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal }): Desired {
  const { informers, clock, log } = options;
  const counters: DesiredCounters = { messages: 0, puts: 0, drops: 0 };
  const devices = new Map<string, Device>();
  const dependents = new Map<string, Set<string>>();
  const dirty = new Set<string>();
  let scheduled = false;

  const pods = informers.of(PODS);
  pods.addIndex(ON_NODE, (pod) => [pod.spec?.nodeName ?? ""]);

  const mark = (node: string) => {
    if (!devices.has(node)) return;
    dirty.add(node);
    if (scheduled) return;
    scheduled = true;
    clock.after(0, flush);
  };
  const flush = () => {
    scheduled = false;
    for (const node of dirty) {
      dirty.delete(node);
      const device = devices.get(node);
      if (device !== undefined) update(device).catch((error: unknown) => log.debug({ node, reason: String(error) }, "the desired set could not be sent"));
    }
  };

  const watchAll = () =>
    DEVICE_RESOURCES.map((resource) =>
      informers.of(resource).subscribe((now, old) => {
        const { namespace = "", name = "" } = (now ?? old)?.metadata ?? {};
        for (const key of [keyText(resource, namespace, name), keyText(resource, namespace, ANY), keyText(resource, ANY, ANY)]) {
          for (const node of dependents.get(key) ?? []) mark(node);
        }
        if (resource.plural !== PODS.plural) return;
        for (const pod of [now, old] as readonly (Pod | undefined)[]) mark(pod?.spec?.nodeName ?? "");
      }),
    );
  const unsubscribe = watchAll();
  options.signal.addEventListener("abort", () => unsubscribe.forEach((stop) => stop()), { once: true });

  /** works out a device's set, and remembers what it depends on */
  const setOf = (node: string, device: Device) => {
    const asked = new Set<string>();
    const lookup: Lookup = {
      get(resource, namespace, name) {
        asked.add(keyText(resource, namespace, name));
        return informers.of(resource).get(namespace === "" ? name : `${namespace}/${name}`);
      },
      list(resource, namespace) {
        asked.add(keyText(resource, namespace ?? ANY, ANY));
        return informers.of(resource).list(namespace);
      },
      podsOn: (name) => pods.by(ON_NODE, name),
    };
    const set = desiredFor(node, lookup).map(({ resource, object }) => ({ key: keyOf(resource, object), view: deviceView(resource, object) }));
    depend(node, device.asked, asked);
    device.asked = asked;
    return set;
  };
  const depend = (node: string, before: ReadonlySet<string>, now: ReadonlySet<string>) => {
    for (const key of before) {
      if (now.has(key)) continue;
      const nodes = dependents.get(key);
      nodes?.delete(node);
      if (nodes?.size === 0) dependents.delete(key);
    }
    for (const key of now) {
      const nodes = dependents.get(key);
      if (nodes === undefined) dependents.set(key, new Set([node]));
      else nodes.add(node);
    }
  };

  const send = async (device: Device, full: boolean, put: readonly AnyObject[], drop: readonly ObjectKey[]) => {
    counters.messages++;
    counters.puts += put.length;
    counters.drops += drop.length;
    device.greeted = true;
    await device.session.send({ type: "desired", full, put, drop, now: Math.floor(clock.now()) });
  };

  const update = async (device: Device) => {
    // one at a time: what changes meanwhile is in the next difference
    if (device.sending) return;
    const { node } = device.session;
    const set = setOf(node, device);
    const wanted = new Set(set.map(({ key }) => key));
    const drop = [...device.has.keys()].filter((key) => !wanted.has(key));
    const news = set.filter(({ key, view }) => device.has.get(key) !== view.version);
    if (news.length === 0 && drop.length === 0 && device.greeted) return;
    device.sending = true;
    try {
      let batch: AnyObject[] = [];
      let bytes = 0;
      for (const { key, view } of news) {
        if (bytes > 0 && bytes + view.bytes > BATCH_BYTES) {
          await send(device, false, batch, []);
          batch = [];
          bytes = 0;
        }
        batch.push(view.object);
        bytes += view.bytes;
        device.has.set(key, view.version);
      }
      for (const key of drop) device.has.delete(key);
      await send(device, false, batch, drop.map(fromText));
    } finally {
      device.sending = false;
    }
    // the informers may have moved on while this was under way
    mark(node);
  };

  return {
    counters,
    async synced() {
      await Promise.all(DEVICE_RESOURCES.map((resource) => informers.of(resource).synced()));
    },
    start(session, have) {
      const device: Device = {
        session,
        has: new Map(have.map(([resource, namespace, name, , version]) => [[resource, namespace, name].join("\n"), version])),
        asked: devices.get(session.node)?.asked ?? new Set(),
        sending: false,
        greeted: false,
      };
      devices.set(session.node, device);
      mark(session.node);
    },
    stop(session) {
      const device = devices.get(session.node);
      if (device?.session !== session) return;
      depend(session.node, device.asked, new Set());
      devices.delete(session.node);
      dirty.delete(session.node);
    },
    snapshot(session) {
      const device = devices.get(session.node);
      if (device?.session !== session) return;
      const set = setOf(session.node, device);
      if (set.reduce((sum, { view }) => sum + view.bytes, 0) > SNAPSHOT_BYTES) return session.resync("its set is too large for one message");
      device.has.clear();
      for (const { key, view } of set) device.has.set(key, view.version);
      send(device, true, set.map(({ view }) => view.object), []).catch(() => {});
    },
  };
}

const ANY = "*";

function keyText(resource: Resource<KubeObject>, namespace: string, name: string): string {
  return `${apiVersionOf(resource)}/${resource.plural}\n${namespace}\n${name}`;
}

function keyOf(resource: Resource<KubeObject>, { metadata }: KubeObject): string {
  return keyText(resource, metadata.namespace ?? "", metadata.name ?? "");
}

function fromText(key: string): ObjectKey {
  const [resource = "", namespace = "", name = ""] = key.split("\n");
  return [resource, namespace, name];
}

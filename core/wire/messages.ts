/**
 * What server and device say to each other. State, not commands: the hub sends the desired set, the agent what it
 * observes. Each direction of a session counts its messages (`seq` from 1). The agent begins a session with `hello`,
 * after every connect and whenever it is told `resync`; a gap in what the hub got is answered with `resync`, a gap in
 * what the agent got makes it begin another session (session.ts does both). Nothing depends on a broker keeping a message (notes: a PUBACK is no
 * durability). MQTT 3.1.1 is enough: expiry, reply address and sequence are here, not in MQTT 5 properties.
 */
import type { AnyObject } from "../api/meta.ts";

/** Grows when a message changes its meaning; both sides refuse what they do not know. */
export const WIRE_VERSION = 1;

export interface Envelope<M> {
  readonly v: number;
  /** chosen by the agent at session start; messages of another session are dropped */
  readonly session: string;
  /** position in this direction of this session */
  readonly seq: number;
  /** sender's wall clock, milliseconds; a hint only */
  readonly at: number;
  readonly body: M;
}

/** Names one object: resource ("v1/pods"), namespace ("" if none), name. */
export type ObjectKey = readonly [resource: string, namespace: string, name: string];
export type Have = readonly [resource: string, namespace: string, name: string, uid: string, resourceVersion: string];

export type Up =
  /** first message of a session */
  | {
      readonly type: "hello";
      /** random per agent process */
      readonly instance: string;
      readonly agentVersion: string;
      /** last desired state on the device's disk */
      readonly have: readonly Have[];
    }
  | {
      readonly type: "observed";
      /** true: `pods` is everything on the device, false: only what changed since the last accepted report */
      readonly full: boolean;
      /** Node metadata labels/annotations and spec/status parts the agent owns; absent when unchanged */
      readonly node?: { readonly labels: Readonly<Record<string, string>>; readonly status: AnyObject } | undefined;
      readonly pods: readonly ObservedPod[];
      readonly events: readonly ObservedEvent[];
    }
  | { readonly type: "resync" }
  /** answer to `ping`, at once, without waiting for anything */
  | { readonly type: "pong" }
  /** by a pod of this device, for those of other devices */
  | ({ readonly type: "publish"; readonly pod: string } & Published)
  /** a fresh key's CSR, PEM */
  | { readonly type: "renew"; readonly csr: string }
  /** a service account token for a pod of this device (TokenRequest) */
  | { readonly type: "token"; readonly id: number; readonly namespace: string; readonly serviceAccount: string; readonly pod: string; readonly podUid: string; readonly audiences: readonly string[]; readonly expirationSeconds: number };

export interface ObservedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** PodStatus; undefined with `gone` */
  readonly status?: AnyObject | undefined;
  /** a static pod, as the API should show it (mirror pod); `uid` is the device's own, the value of its mirror annotation */
  readonly mirror?: AnyObject | undefined;
  /** nothing of the pod is left on the device: a pod with deletionTimestamp can be removed, a mirror in any case */
  readonly gone?: boolean;
}

export interface ObservedEvent {
  /** the object the event is about */
  readonly regarding: { readonly apiVersion: string; readonly kind: string; readonly namespace: string; readonly name: string; readonly uid: string; readonly fieldPath?: string };
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  /** milliseconds, device clock */
  readonly first: number;
  readonly last: number;
}

/** A message of a guest (message-grants.ts): at most once, never part of the state. */
export interface Published {
  readonly namespace: string;
  readonly topic: string;
  /** base64: the wire has no byte strings */
  readonly payload: string;
}

export type Down =
  | {
      readonly type: "desired";
      /** true: everything the device needs; what it has besides is to be forgotten */
      readonly full: boolean;
      readonly put: readonly AnyObject[];
      readonly drop: readonly ObjectKey[];
      /** server time, milliseconds: devices without a clock learn it here */
      readonly now: number;
    }
  /** the observed message `seq` is in the store */
  | { readonly type: "accepted"; readonly observed: number }
  /**
   * The hub lost track (a gap, or it restarted): begin another session with `hello` and a full `observed`. Valid at any
   * `seq`; with session "" it is for whatever session there is.
   */
  | { readonly type: "resync" }
  /** of a pod on another device */
  | ({ readonly type: "published" } & Published)
  /** is the device there? Sent only when something depends on the answer */
  | { readonly type: "ping" }
  /** PEM chain */
  | { readonly type: "certificate"; readonly pem: string }
  | { readonly type: "token"; readonly id: number; readonly token?: string; readonly expires?: string; readonly error?: string };

/** Topics. `node` is the device name == MQTT client id == certificate CN. */
export const topics = {
  up: (node: string) => `d/${node}/up`,
  down: (node: string) => `d/${node}/down`,
  /** retained will and its opposite: 1-byte payload "0" or "1" */
  presence: (node: string) => `d/${node}/presence`,
  /** the second connection, see streamsClientId */
  streamUp: (node: string) => `d/${node}/s/up`,
  streamDown: (node: string) => `d/${node}/s/down`,
} as const;

/**
 * MQTT client id of a device's second connection. No node name has a colon; "+" and "#", which none has either, make
 * mosquitto refuse a client whose id is part of an access rule.
 */
export const streamsClientId = (node: string) => `${node}:s`;

/**
 * Messages of guests between devices. A device is believed nothing: the pod that publishes has to be bound to it and to have
 * the topic granted, and a message goes to devices with a pod of the same namespace that may hear it. At most once; a device
 * whose session cannot take it misses it.
 */
import { PODS } from "../api/resources.gen.ts";
import type { Pod } from "../api/types.gen.ts";
import type { Informers } from "../control/control.ts";
import { messageGrants, SUBSCRIBE_ANNOTATION } from "../wire/message-grants.ts";
import type { Published, Up } from "../wire/messages.ts";
import { topicMatches, topicProblem } from "../wire/topic-filter.ts";
import type { HubSession } from "./sessions.ts";

export interface GuestMessages {
  /** @returns why the message went nowhere; undefined: it went to whoever may hear it */
  publish(from: string, message: Extract<Up, { readonly type: "publish" }>): string | undefined;
}

interface Listener {
  readonly node: string;
  readonly filters: readonly string[];
}

export function guestMessages({ informers, session, signal }: { readonly informers: Informers; readonly session: (node: string) => HubSession | undefined; readonly signal: AbortSignal }): GuestMessages {
  const pods = informers.of(PODS);
  /** namespace → pod → what it hears: kept, because a message must not cost a walk over all pods */
  const listeners = new Map<string, Map<string, Listener>>();

  function follow(now: Pod | undefined, old: Pod | undefined): void {
    const { namespace = "", name = "" } = (now ?? old)?.metadata ?? {};
    const node = now?.spec?.nodeName;
    const annotations = now?.metadata.annotations ?? {};
    if (node === undefined || node === "" || annotations[SUBSCRIBE_ANNOTATION] === undefined) {
      const all = listeners.get(namespace);
      if (all?.delete(name) === true && all.size === 0) listeners.delete(namespace);
      return;
    }
    const all = listeners.get(namespace) ?? new Map<string, Listener>();
    listeners.set(namespace, all.set(name, { node, filters: messageGrants(annotations).subscribe }));
  }
  for (const pod of pods.list()) follow(pod, undefined);
  signal.addEventListener("abort", pods.subscribe(follow), { once: true });

  return {
    publish(from, { namespace, pod: name, topic, payload }) {
      const pod = pods.get(`${namespace}/${name}`);
      if (pod === undefined || pod.spec?.nodeName !== from) return `the pod ${namespace}/${name} is not on this device`;
      if (topicProblem(topic) !== undefined) return "it has no topic that can be published to";
      if (!messageGrants(pod.metadata.annotations).publish.some((filter) => topicMatches(filter, topic))) return `the pod ${namespace}/${name} may not publish to "${topic}"`;
      const nodes = new Set<string>();
      for (const { node, filters } of listeners.get(namespace)?.values() ?? []) {
        // its own pods have heard it already
        if (node !== from && filters.some((filter) => topicMatches(filter, topic))) nodes.add(node);
      }
      const message: Published = { namespace, topic, payload };
      for (const node of nodes) session(node)?.send({ type: "published", ...message }).catch(() => {});
      return undefined;
    },
  };
}

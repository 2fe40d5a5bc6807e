/**
 * What the server does not know yet: the difference from the last report it accepted. Reports carry state, so a newer
 * one replaces an older one that was lost, and an idle device reports nothing.
 */
import { isDeepStrictEqual } from "node:util";
import type { AnyObject } from "../core/api/meta.ts";
import type { PodStatus } from "../core/api/types.gen.ts";
import type { ObservedPod, Up } from "../core/wire/messages.ts";

export type ObservedMessage = Extract<Up, { type: "observed" }>;
export type NodeReport = NonNullable<ObservedMessage["node"]>;

export interface PodReport {
  readonly namespace: string;
  readonly name: string;
  readonly status?: AnyObject | undefined;
  readonly gone?: boolean;
  /** a static pod's manifest */
  readonly mirror?: AnyObject | undefined;
}

export interface Report {
  pod(uid: string, report: PodReport): void;
  /** tells it once more although it has not changed */
  again(uid: string): void;
  /** tells all pods once more: somebody else wrote to them while this device was thought to be lost */
  allAgain(): void;
  /** the server has no such pod any more and neither has the device */
  forget(uid: string): void;
  node(report: NodeReport): void;
  /** a session began: the server is told everything */
  reset(): void;
  /** the next message without its events; undefined: nothing to tell */
  next(): { readonly full: boolean; readonly node: NodeReport | undefined; readonly pods: readonly ObservedPod[] } | undefined;
  sent(seq: number): void;
  accepted(seq: number): void;
  /** `awaited`: somebody waits for just this: a pod runs, is ready, has ended, is gone */
  onChange(listener: (awaited: boolean) => void): void;
}

export function newReport(): Report {
  const pods = new Map<string, PodReport>();
  /** what each pod's last accepted or travelling report said */
  const told = new Map<string, PodReport>();
  const travelling = new Map<number, ReadonlyMap<string, PodReport>>();
  let taken: ReadonlyMap<string, PodReport> = new Map();
  let node: NodeReport | undefined;
  let toldNode: NodeReport | undefined;
  let full = true;
  const listeners: ((awaited: boolean) => void)[] = [];
  const changed = (awaited: boolean) => {
    for (const listener of listeners) listener(awaited);
  };

  return {
    pod(uid, report) {
      const before = pods.get(uid);
      if (isDeepStrictEqual(before, report)) return;
      pods.set(uid, report);
      changed(isAwaited(before, report));
    },
    again(uid) {
      if (told.delete(uid)) changed(false);
    },
    allAgain() {
      told.clear();
      changed(true);
    },
    forget(uid) {
      pods.delete(uid);
      told.delete(uid);
    },
    node(report) {
      if (isDeepStrictEqual(node, report)) return;
      node = report;
      changed(false);
    },
    reset() {
      full = true;
      told.clear();
      travelling.clear();
      toldNode = undefined;
    },
    next() {
      const news = [...pods].filter(([uid, report]) => told.get(uid) !== report);
      const nodeNews = node !== toldNode ? node : undefined;
      if (!full && news.length === 0 && nodeNews === undefined) return undefined;
      const message = {
        full,
        node: nodeNews,
        pods: news.map(([uid, { namespace, name, status, mirror, gone }]) => ({ namespace, name, uid, ...(status === undefined ? {} : { status }), ...(mirror === undefined ? {} : { mirror }), ...(gone === true ? { gone } : {}) })),
      };
      full = false;
      toldNode = node;
      taken = new Map(news);
      for (const [uid, report] of news) told.set(uid, report);
      return message;
    },
    sent: (seq) => void travelling.set(seq, taken),
    accepted(seq) {
      for (const [each, reports] of travelling) {
        if (each > seq) continue;
        travelling.delete(each);
        // a pod that is gone and known to be gone needs no more telling
        for (const [uid, report] of reports) if (report.gone === true && pods.get(uid) === report) told.set(uid, report);
      }
    },
    onChange: (listener) => void listeners.push(listener),
  };
}

function isAwaited(before: PodReport | undefined, { status, gone }: PodReport): boolean {
  const [was, is] = [milestone(before?.status as PodStatus | undefined), milestone(status as PodStatus | undefined)];
  return gone === true || (is !== was && is !== "Pending");
}

/** Where a pod is: its phase, and whether it is ready. */
function milestone(status: PodStatus | undefined): string {
  const ready = status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
  return `${status?.phase ?? "Pending"}${ready ? " ready" : ""}`;
}

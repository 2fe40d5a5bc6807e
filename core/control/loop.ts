/**
 * Runs a controller: informer changes mark keys dirty, workers reconcile them, failures come back with back-off, and a
 * slow timer marks every key again, so that whatever an event did not say is still repaired.
 */
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import { systemEntropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import type { KubeObject } from "../api/meta.ts";
import { ApiError } from "../api/status.ts";
import type { Controller, Informer, Key, WatchRule } from "./control.ts";
import { queue } from "./queue.ts";

export interface LoopDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly entropy?: Pick<Entropy, "fraction">;
  /** default RESYNC_MS */
  readonly resyncMs?: number;
}

export interface RunningController {
  readonly name: string;
  /** keys that wait or are being worked on */
  busy(): number;
  /** reconciles that threw, lost races not counted */
  errors(): number;
  /** resolves once the signal aborted and the last reconcile ended */
  readonly stopped: Promise<void>;
}

const WORKERS = 4;
/** All keys again this often: ten minutes repair what was missed and cost an idle device nothing. */
export const RESYNC_MS = 600_000;

/** A watch rule with the type of its informer's objects. */
export function watching<T extends KubeObject>(informer: Informer<T>, keys: (object: T) => readonly Key[]): WatchRule {
  // the loop hands `keys` nothing but objects of this informer
  return { informer, keys: keys as (object: KubeObject) => readonly Key[] };
}

export function runController(
  controller: Controller,
  { clock, log: parent, signal, entropy = systemEntropy, resyncMs = RESYNC_MS }: LoopDeps,
): RunningController {
  const log = parent.child({ controller: controller.name });
  const keys = queue({ clock, entropy });
  /** keys that fail, each with its last message: logged when it appears or changes */
  const failing = new Map<Key, string>();
  let errors = 0;

  const cancels: (() => void)[] = [];
  const mark = (rule: WatchRule, object: KubeObject | undefined) => {
    if (object === undefined) return;
    for (const key of rule.keys(object)) keys.add(key);
  };
  const markAll = () => {
    for (const rule of controller.watches) for (const object of rule.informer.list()) mark(rule, object);
  };
  const resync = () => {
    cancels[0] = clock.after(resyncMs, () => {
      markAll();
      resync();
    });
  };
  const reconcile = async (key: Key) => {
    try {
      const outcome = await controller.reconcile(key);
      keys.forget(key);
      failing.delete(key);
      if (outcome !== undefined) keys.addAfter(key, outcome.afterMs);
    } catch (error) {
      if (signal.aborted) return;
      const ms = keys.retry(key);
      // a lost race is no failure: the next run reads the newer state
      if (error instanceof ApiError && error.reason === "Conflict") return;
      errors++;
      const message = error instanceof Error ? error.message : String(error);
      if (failing.get(key) === message) return;
      if (error instanceof ApiError && error.reason === "NotFound" && !failing.has(key)) {
        // deleted in the middle of a run: only what is still missing the next time is worth a line
        failing.set(key, "");
        return;
      }
      failing.set(key, message);
      log.warn({ object: key, error, retryMs: Math.round(ms) }, "reconcile failed");
    }
  };
  const work = async () => {
    for (let key = await keys.next(); key !== undefined; key = await keys.next()) {
      await reconcile(key);
      keys.done(key);
    }
  };
  const run = async () => {
    await Promise.race([
      Promise.all(controller.watches.map(({ informer }) => informer.synced())),
      new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true })),
    ]);
    if (signal.aborted) return;
    resync();
    for (const rule of controller.watches) {
      cancels.push(
        rule.informer.subscribe((now, old) => {
          mark(rule, old);
          mark(rule, now);
        }),
      );
    }
    markAll();
    signal.addEventListener(
      "abort",
      () => {
        for (const cancel of cancels) cancel();
        keys.close();
      },
      { once: true },
    );
    await Promise.all(Array.from({ length: controller.workers ?? WORKERS }, work));
  };
  return { name: controller.name, busy: keys.busy, errors: () => errors, stopped: signal.aborted ? Promise.resolve() : run() };
}

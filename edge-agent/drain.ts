/** Stops every pod that the runtimes list, with its grace period; they start again with the next agent. */
import type { Desired } from "./desired.ts";
import type { Observed, Observer } from "./observe.ts";
import { textOf, type Device } from "./steps/executor.ts";

/** Whoever shuts a device down does not wait longer for its pods. */
const GRACE_SECONDS = 30;

interface DrainParts {
  readonly device: Pick<Device, "removals" | "log">;
  readonly desired: Pick<Desired, "pod">;
  readonly observer: Observer;
}

export async function drain(parts: DrainParts): Promise<void> {
  await parts.observer.refresh();
  const draining = [...parts.observer.pods().values()].map((each) => drainPod(each, parts));
  for (const result of await Promise.allSettled(draining)) {
    if (result.status === "rejected") parts.device.log.warn({ error: textOf(result.reason) }, "a pod could not be stopped");
  }
}

async function drainPod({ pod, runtime }: Observed, { device, desired }: DrainParts): Promise<void> {
  const grace = desired.pod(pod.uid)?.spec?.terminationGracePeriodSeconds ?? GRACE_SECONDS;
  const alive = pod.containers.filter(({ state }) => state === "running");
  const stopped = await Promise.allSettled(alive.map(({ id }) => runtime.stopContainer(id, Math.min(grace, GRACE_SECONDS))));
  // what could not be stopped alone ends with its sandbox
  if (pod.ready) await device.removals.run(() => runtime.stopSandbox(pod.sandboxId));
  for (const result of stopped) if (result.status === "rejected") throw result.reason;
}

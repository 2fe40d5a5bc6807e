import { unchanged, type Executor } from "./executor.ts";

/** Termination signal, grace period, kill. */
export const stopContainer: Executor<"stopContainer"> = async ({ container, containerId, graceSeconds, until, message }, { device, pod, runtime }) => {
  if (pod !== undefined) device.events.pod(pod, { type: "Normal", reason: "Killing", message, container });
  const left = until === undefined ? graceSeconds : Math.ceil((until - device.clock.now()) / 1000);
  // what comes last in an ending pod still gets a moment to say goodbye
  await runtime.stopContainer(containerId, Math.max(left, Math.min(graceSeconds, LEAST_GRACE_SECONDS)));
  return unchanged;
};

/** kubelet's minimum for containers whose turn comes when the grace period is over */
const LEAST_GRACE_SECONDS = 2;

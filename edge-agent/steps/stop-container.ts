import { findContainer } from "../containers.ts";
import { container as memoryOf, withContainer } from "../memory.ts";
import { textOf, unchanged, type Executor, type StepContext } from "./executor.ts";
import { runHook } from "./hook.ts";

/** preStop hook, termination signal, kill: all of it within one grace period. */
export const stopContainer: Executor<"stopContainer"> = async (step, context) => {
  const { container, containerId, graceSeconds, message } = step;
  const { device, pod, runtime } = context;
  if (pod !== undefined) device.events.pod(pod, { type: "Normal", reason: "Killing", message, container });
  const until = step.until ?? device.clock.now() + graceSeconds * 1000;
  if (until > device.clock.now()) await preStop(context, container, containerId, until);
  if (context.signal.aborted) return unchanged;
  const left = Math.ceil((until - device.clock.now()) / 1000);
  // what comes last in an ending pod still gets a moment to say goodbye
  await runtime.stopContainer(containerId, Math.max(left, Math.min(graceSeconds, LEAST_GRACE_SECONDS)));
  return unchanged;
};

/** kubelet's minimum for containers whose turn comes when the grace period is over */
const LEAST_GRACE_SECONDS = 2;

async function preStop(context: StepContext, name: string, containerId: string, until: number): Promise<void> {
  const { device, pod, memory } = context;
  const container = pod === undefined ? undefined : findContainer(pod, name);
  const handler = container?.lifecycle?.preStop;
  if (pod === undefined || container === undefined || handler === undefined || memoryOf(memory, name).preStop === containerId) return;
  context.note((before) => withContainer(before, name, { preStop: containerId }));
  const limit = new AbortController();
  const cancel = device.clock.after(until - device.clock.now(), () => limit.abort());
  const signal = AbortSignal.any([context.signal, limit.signal]);
  try {
    await runHook(context, { handler, container, containerId, signal });
  } catch (error) {
    // somebody is in a hurry now; the hook is not what failed
    if (context.signal.aborted) return;
    device.log.info({ pod: pod.metadata.name, container: name, error: textOf(error) }, "a preStop hook failed");
    device.events.pod(pod, { type: "Warning", reason: "FailedPreStopHook", message: "PreStopHook failed", container: name });
  } finally {
    cancel();
  }
}

import { findContainer } from "../containers.ts";
import { withContainer } from "../memory.ts";
import { textOf, unchanged, type Executor } from "./executor.ts";
import { runHook } from "./hook.ts";

/** The hook of a container that has just started; until it has ended, the container does not count as running. */
export const postStart: Executor<"postStart"> = async ({ container: name, containerId }, context) => {
  const { device, pod } = context;
  const container = pod === undefined ? undefined : findContainer(pod, name);
  const handler = container?.lifecycle?.postStart;
  if (pod === undefined || container === undefined || handler === undefined) return unchanged;
  try {
    await runHook(context, { handler, container, containerId, signal: context.signal });
    return (memory) => withContainer(memory, name, { postStart: undefined });
  } catch (error) {
    if (context.signal.aborted) return unchanged;
    device.log.info({ pod: pod.metadata.name, container: name, error: textOf(error) }, "a postStart hook failed");
    device.events.pod(pod, { type: "Warning", reason: "FailedPostStartHook", message: "PostStartHook failed", container: name });
    return (memory) => withContainer(memory, name, { postStart: undefined, condemned: { id: containerId, message: "FailedPostStartHook" } });
  }
};

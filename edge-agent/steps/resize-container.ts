import { allContainers } from "../containers.ts";
import { withContainer, troubled } from "../memory.ts";
import { resizeText } from "../resize.ts";
import { textOf, unchanged, type Executor } from "./executor.ts";

/** Other amounts for a container that goes on running. */
export const resizeContainer: Executor<"resizeContainer"> = async ({ container: name, containerId }, { device, pod, runtime }) => {
  const container = pod === undefined ? undefined : allContainers(pod).find((each) => each.name === name);
  if (pod === undefined || container === undefined) return unchanged;
  try {
    if (runtime.resizeContainer === undefined) throw new Error(`the ${runtime.handler} runtime cannot resize a running container`);
    await runtime.resizeContainer(containerId, pod, container);
    return (memory) => ({ ...withContainer(memory, name, { applied: { id: containerId, resources: container.resources ?? {} } }), resizeTrouble: undefined });
  } catch (error) {
    const message = textOf(error);
    device.events.pod(pod, { type: "Warning", reason: "ResizeError", message: `Pod resize error: ${resizeText(pod, message)}` });
    return (memory) => ({ ...memory, resizeTrouble: troubled(memory.resizeTrouble, { reason: "Error", message }, device.clock.now()) });
  }
};

import { troubled } from "../memory.ts";
import { resizeText } from "../resize.ts";
import { textOf, unchanged, type Executor } from "./executor.ts";

/** Other amounts for the pod as a whole, while its containers go on. */
export const resizePod: Executor<"resizePod"> = async (_step, { device, pod, runtime }) => {
  if (pod === undefined) return unchanged;
  try {
    await runtime.resizePod?.(pod);
    return (memory) => ({ ...memory, podResources: pod.spec?.resources, resizeTrouble: undefined });
  } catch (error) {
    const message = textOf(error);
    device.events.pod(pod, { type: "Warning", reason: "ResizeError", message: `Pod resize error: ${resizeText(pod, message)}` });
    return (memory) => ({ ...memory, resizeTrouble: troubled(memory.resizeTrouble, { reason: "Error", message }, device.clock.now()) });
  }
};

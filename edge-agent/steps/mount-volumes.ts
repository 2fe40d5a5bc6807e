import { troubled } from "../memory.ts";
import { factsOf, textOf, unchanged, type Executor } from "./executor.ts";

/** Makes the pod's volumes or brings their content up to date. */
export const mountVolumes: Executor<"mountVolumes"> = async ({ digest }, context) => {
  const { device, pod } = context;
  if (pod === undefined) return unchanged;
  try {
    await device.volumes.mount(pod, factsOf(context, pod));
    return (memory) => ({ ...memory, volumes: digest, volumeTrouble: undefined });
  } catch (error) {
    const message = textOf(error);
    device.events.pod(pod, { type: "Warning", reason: "FailedMount", message });
    return (memory) => ({ ...memory, volumeTrouble: troubled(memory.volumeTrouble, { reason: "FailedMount", message }, device.clock.now()) });
  }
};

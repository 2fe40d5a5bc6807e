/** The steps that take things away; each is idempotent, and what is already gone is no error. */
import { unchanged, type Executor } from "./executor.ts";

export const removeContainer: Executor<"removeContainer"> = async ({ containerId }, { device, runtime }) => {
  await device.removals.run(() => runtime.removeContainer(containerId));
  return unchanged;
};

export const stopSandbox: Executor<"stopSandbox"> = async ({ sandboxId }, { device, runtime }) => {
  await device.removals.run(() => runtime.stopSandbox(sandboxId));
  return unchanged;
};

export const removeSandbox: Executor<"removeSandbox"> = async ({ sandboxId }, { device, runtime }) => {
  await device.removals.run(() => runtime.removeSandbox(sandboxId));
  return unchanged;
};

export const unmountVolumes: Executor<"unmountVolumes"> = async (_step, { device, id }) => {
  await device.volumes.unmount(id.uid);
  return (memory) => ({ ...memory, volumes: undefined, released: true });
};

export const forgetPod: Executor<"forgetPod"> = async (_step, { device, id, runtime }) => {
  await runtime.forgetPod?.(id.uid);
  await device.files.remove(id);
  return (memory) => ({ ...memory, gone: true });
};

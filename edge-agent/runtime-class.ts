/** Which runtime of the device runs a pod, and under which of that runtime's own handlers (decision 22). Pure. */
import type { Pod, RuntimeClass } from "../core/api/types.gen.ts";
import type { ObjectSource } from "./environment.ts";
import type { Runtime } from "./runtimes/runtime.ts";

/** The runtime of containers, whose handlers are those of its own configuration. */
export const CONTAINERS = "containerd";
/** Handlers that leave the choice to the device. */
const NO_CHOICE: ReadonlySet<string> = new Set(["", "any"]);

/** Of the pod's RuntimeClass; "": it has none. */
export function handlerOf({ spec }: Pod, objects: Pick<ObjectSource, "get">): string {
  const name = spec?.runtimeClassName ?? "";
  if (name === "") return "";
  return (objects.get("node.k8s.io/v1/runtimeclasses", "", name) as RuntimeClass | undefined)?.handler ?? name;
}

/** The one of that name, or that of containers, which says itself which other handlers it knows; undefined: none can. */
export function chooseRuntime<R extends Pick<Runtime, "handler">>(handler: string, runtimes: readonly R[]): R | undefined {
  if (NO_CHOICE.has(handler)) return runtimes[0];
  return runtimes.find((runtime) => runtime.handler === handler) ?? runtimes.find((runtime) => runtime.handler === CONTAINERS);
}

/** What the runtime itself calls it; "": its default. */
export function ownHandler(handler: string, runtime: Pick<Runtime, "handler">): string {
  return NO_CHOICE.has(handler) || handler === runtime.handler ? "" : handler;
}

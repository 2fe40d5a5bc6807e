/** The CRI client with its calls counted and timed, under the names that kubelet has for them. */
import type { Clock } from "../../../core/api/clock.ts";
import type { Meter } from "../../stats/meter.ts";
import { isCri, type Cri } from "./cri.ts";

/** Where kubelet's name is not the procedure's. */
const NAMES: { readonly [rpc: string]: string } = { UpdateContainerResources: "update_container" };

export function measuredCri(cri: Cri, meter: Meter, clock: Clock): Cri {
  const types = new Map<string, string>();
  const typeOf = (rpc: string) => {
    const type = types.get(rpc) ?? operationType(rpc);
    types.set(rpc, type);
    return type;
  };
  return {
    ...cri,
    async call(rpc, request, options) {
      if (!isCri(rpc)) return cri.call(rpc, request, options);
      const labels = { operation_type: typeOf(rpc) };
      const began = clock.monotonic();
      try {
        return await cri.call(rpc, request, options);
      } catch (error) {
        meter.count("kubelet_runtime_operations_errors_total", labels);
        throw error;
      } finally {
        meter.count("kubelet_runtime_operations_total", labels);
        meter.observe("kubelet_runtime_operations_duration_seconds", (clock.monotonic() - began) / 1000, labels);
      }
    },
  };
}

/** "RunPodSandbox" → "run_podsandbox" */
export function operationType(rpc: string): string {
  return NAMES[rpc] ?? rpc.replace("PodSandbox", "Podsandbox").replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

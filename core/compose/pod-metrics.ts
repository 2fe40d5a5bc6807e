/**
 * Input of autoscalers: what the containers of a pod use. They ask without waiting; an answer that is not there is on its
 * way for the next look, so devices that no autoscaler looks at are never asked.
 */
import type { Clock } from "../api/clock.ts";
import type { DeviceUsage, DeviceUsages } from "../api/usage.ts";
import type { PodMetrics } from "../controllers/horizontal-pod-autoscaler.ts";

/** Two periods of the autoscaler: older figures are no figures. */
const STALE_MS = 60_000;
const REFRESH_MS = 10_000;
/** A name that is no node any more costs its entry; there are not more of them than this. */
const MAX_NODES = 10_000;

interface Known {
  usage: DeviceUsage | undefined;
  at: number;
  asked: number;
  asking: boolean;
}

export function podMetrics(parts: { readonly usages: DeviceUsages; readonly nodeOf: (namespace: string, pod: string) => string | undefined; readonly clock: Clock }): PodMetrics {
  const { usages, nodeOf, clock } = parts;
  const nodes = new Map<string, Known>();

  const refresh = async (node: string, known: Known) => {
    const now = clock.monotonic();
    if (known.asking || now - known.asked < REFRESH_MS) return;
    known.asking = true;
    known.asked = now;
    try {
      known.usage = await usages.of(node);
      known.at = clock.monotonic();
    } catch {
      // an offline device has no figures
    }
    known.asking = false;
  };

  return {
    usage(namespace, pod, resource) {
      if (resource !== "cpu" && resource !== "memory") return undefined;
      const node = nodeOf(namespace, pod);
      if (node === undefined) return undefined;
      const known = nodes.get(node) ?? { usage: undefined, at: 0, asked: Number.NEGATIVE_INFINITY, asking: false };
      if (nodes.size < MAX_NODES) nodes.set(node, known);
      void refresh(node, known);
      if (known.usage === undefined || clock.monotonic() - known.at > STALE_MS) return undefined;
      const found = known.usage.pods.find((each) => each.namespace === namespace && each.name === pod);
      if (found === undefined) return undefined;
      return new Map(
        found.containers.flatMap(({ name, cpu, memory }) => {
          const thousandths = resource === "cpu" ? (cpu === undefined ? undefined : cpu / 1e6) : memory === undefined ? undefined : memory * 1000;
          return thousandths === undefined ? [] : [[name, Math.ceil(thousandths)] as const];
        }),
      );
    },
  };
}

/** What components count and measure themselves, as families of the device's metrics page. Pure. */
import type { GuestSeries } from "../runtimes/runtime.ts";
import type { Family } from "./prometheus.ts";

/** A name that two components use as different types is the type of the first; Prometheus knows one per name. */
export function componentMetrics(series: readonly GuestSeries[]): readonly Family[] {
  return [...Map.groupBy(series, ({ name }) => name)].map(([name, all]) => {
    const type = all[0]?.type ?? "gauge";
    const samples = all
      .filter((one) => one.type === type && Number.isFinite(one.value))
      .map(({ namespace, pod, container, labels, value }) => ({ labels: { ...labels, namespace, pod, container }, value }));
    return { name: `component_${name}`, type, help: "Said by the component itself", samples };
  });
}

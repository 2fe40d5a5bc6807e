/** The Targets column of autoscalers: each metric as "now/target". */
import type { MetricSpec, MetricStatus } from "../types.gen.ts";

/** more metrics than these are only counted */
const SHOWN = 2;

export function metricsText(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return "<none>";
  const texts = specs.map((spec, index) => metricText(spec, statuses[index]));
  const more = specs.length > SHOWN ? [`${specs.length - SHOWN} more...`] : [];
  return [...texts.slice(0, SHOWN), ...more].join(" + ").replaceAll(/ \+ (?!\d+ more)/g, ", ");
}

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  const unknown = "<unknown>";
  switch (spec.type) {
    case "External":
    case "Object": {
      const [target, current] = spec.type === "External" ? [spec.external?.target, status?.external?.current] : [spec.object?.target, status?.object?.current];
      return target?.averageValue === undefined ? `${current?.value ?? unknown}/${target?.value ?? ""}` : `${current?.averageValue ?? unknown}/${target.averageValue} (avg)`;
    }
    case "Pods":
      return `${status?.pods?.current?.averageValue ?? unknown}/${spec.pods?.target?.averageValue ?? ""}`;
    case "Resource":
    case "ContainerResource": {
      const [source, measured] = spec.type === "Resource" ? [spec.resource, status?.resource] : [spec.containerResource, status?.containerResource];
      const { target } = source ?? {};
      const current = measured?.current;
      if (target?.averageValue !== undefined) return `${source?.name}: ${current?.averageValue ?? unknown}/${target.averageValue}`;
      const now = current?.averageUtilization === undefined ? unknown : `${current.averageUtilization}%`;
      return `${source?.name}: ${now}/${target?.averageUtilization === undefined ? "<auto>" : `${target.averageUtilization}%`}`;
    }
    default:
      return "<unknown type>";
  }
}

/**
 * Fields of pods whose features are off in a Kubernetes server that nobody configured: they are dropped when an object is
 * written, and so nobody relies on what will not happen.
 */
import type { Container, PodSpec, Volume } from "../types.gen.ts";
import { mapAll, mapField, without } from "./fill.ts";

const LISTS = ["containers", "initContainers", "ephemeralContainers"] as const;

export function withoutDisabled(spec: PodSpec): PodSpec {
  // KEP-4671
  let kept = spec.schedulingGroup === undefined ? spec : without(spec, "schedulingGroup");
  for (const list of LISTS) kept = mapField(kept, list, (containers) => mapAll(containers as readonly Container[], withoutStopSignal) as never);
  return mapField(kept, "volumes", (volumes) => mapAll(volumes, withoutOtherCertificates));
}

/** KEP-4960 */
function withoutStopSignal(container: Container): Container {
  if (container.lifecycle?.stopSignal === undefined) return container;
  const lifecycle = without(container.lifecycle, "stopSignal");
  return Object.keys(lifecycle).length === 0 ? without(container, "lifecycle") : { ...container, lifecycle };
}

/** KEP-3257 (trust bundles), KEP-4317 (certificates of pods) */
function withoutOtherCertificates(volume: Volume): Volume {
  const isDisabled = volume.projected?.sources?.some((source) => source.clusterTrustBundle !== undefined || source.podCertificate !== undefined);
  if (isDisabled !== true) return volume;
  return mapField(volume, "projected", (projected) => mapField(projected, "sources", (sources) => sources.map((source) => without(source, "clusterTrustBundle", "podCertificate"))));
}

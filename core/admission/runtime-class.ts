/** Overhead and placement of a pod's RuntimeClass become part of the pod (KEP-688, KEP-894). */
import { RUNTIME_CLASSES } from "../api/resources.gen.ts";
import type { Pod, PodSpec, RuntimeClass, Toleration } from "../api/types.gen.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns } from "./concerns.ts";
import { forbidden } from "./forbidden.ts";
import type { Lookup } from "./lookup.ts";

type Refuse = (why: string) => Error;

export function runtimeClass({ lookup }: { readonly lookup: Pick<Lookup, "get"> }): AdmissionPlugin {
  return {
    name: "RuntimeClass",
    handles: concerns({ group: "", plural: "pods", operations: ["CREATE"] }),
    async mutate({ object, kind, name }) {
      const { spec } = object as unknown as Pod;
      const refuse: Refuse = (why) => forbidden(kind, name, `pod rejected: ${why}`);
      if (spec === undefined) return object;
      const className = spec.runtimeClassName ?? "";
      const found = className === "" ? undefined : lookup.get(RUNTIME_CLASSES, undefined, className);
      if (className !== "" && found === undefined) throw refuse(`RuntimeClass "${className}" not found`);
      const next = withScheduling(withOverhead(spec, found, refuse), found, refuse);
      return next === spec ? object : { ...object, spec: next };
    },
    async validate({ object, kind, name }) {
      const { overhead = {}, runtimeClassName = "" } = (object as unknown as Pod | undefined)?.spec ?? {};
      if (Object.keys(overhead).length === 0) return;
      const found = runtimeClassName === "" ? undefined : lookup.get(RUNTIME_CLASSES, undefined, runtimeClassName);
      if (found?.overhead?.podFixed === undefined) throw forbidden(kind, name, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
    },
  };
}

function withOverhead(spec: PodSpec, found: RuntimeClass | undefined, refuse: Refuse): PodSpec {
  const defined = found?.overhead?.podFixed;
  const given = spec.overhead;
  if (defined === undefined) {
    return spec;
  }
  if (given === undefined) return { ...spec, overhead: defined };
  const same = Object.keys(given).length === Object.keys(defined).length && Object.keys(defined).every((key) => given[key] === defined[key]);
  if (!same) throw refuse("Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  return spec;
}

function withScheduling(spec: PodSpec, found: RuntimeClass | undefined, refuse: Refuse): PodSpec {
  const scheduling = found?.scheduling;
  if (scheduling === undefined) return spec;
  const { nodeSelector, tolerations = [] } = scheduling;
  for (const [key, value] of Object.entries(nodeSelector ?? {})) {
    const own = spec.nodeSelector?.[key];
    if (own !== undefined && own !== value) {
      throw refuse(`conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`);
    }
  }
  const given = spec.tolerations ?? [];
  const added = tolerations.filter((toleration) => !given.some((own) => sameToleration(own, toleration)));
  return {
    ...spec,
    ...(nodeSelector === undefined ? {} : { nodeSelector: { ...spec.nodeSelector, ...nodeSelector } }),
    ...(added.length === 0 ? {} : { tolerations: [...given, ...added] }),
  };
}

function sameToleration(a: Toleration, b: Toleration): boolean {
  return (["key", "operator", "value", "effect", "tolerationSeconds"] as const).every((field) => a[field] === b[field]);
}

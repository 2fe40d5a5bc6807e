/** The priority of a pod comes from its class, never from the user (KEP-268). At most one class is the default. */
import { PRIORITY_CLASSES } from "../api/resources.gen.ts";
import type { Pod, PriorityClass } from "../api/types.gen.ts";
import { wordTable } from "../api/word-table.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { forbidden } from "./forbidden.ts";
import type { Lookup } from "./lookup.ts";

interface Computed {
  readonly name: string;
  readonly value: number;
  readonly policy: "Never" | "PreemptLowerPriority";
}

/** Classes that exist even while their objects do not (a server that is just starting). */
const SYSTEM = wordTable<number>({
  "system-cluster-critical": 2_000_000_000,
  "system-node-critical": 2_000_001_000,
});
const NO_CLASS: Computed = { name: "", value: 0, policy: "PreemptLowerPriority" };

export function priority({ lookup }: { readonly lookup: Lookup }): AdmissionPlugin {
  async function classOf(name: string | undefined): Promise<Computed | undefined> {
    if (name === undefined || name === "") return defaultClass(await lookup.list(PRIORITY_CLASSES));
    const found = lookup.get(PRIORITY_CLASSES, undefined, name);
    if (found !== undefined) return computed(found);
    const value = SYSTEM[name];
    return value === undefined ? undefined : { name, value, policy: "PreemptLowerPriority" };
  }
  return {
    name: "Priority",
    handles: ({ kind, operation, subresource }) =>
      subresource === undefined &&
      ((kind.group === "" && kind.plural === "pods" && operation !== "DELETE") ||
        (kind.group === "scheduling.k8s.io" && kind.plural === "priorityclasses" && operation !== "DELETE")),
    async mutate({ object, operation, old, kind, name }) {
      if (kind.plural !== "pods") return object;
      const pod = object as unknown as Pod;
      if (operation === "UPDATE") return keepPriority(pod, old as unknown as Pod);
      const found = await classOf(pod.spec?.priorityClassName);
      if (found === undefined) throw forbidden(kind, name, `no PriorityClass with name ${pod.spec?.priorityClassName} was found`);
      const { value, policy } = found;
      const given = pod.spec?.priority;
      if (given !== undefined && given !== value) {
        const why = `the integer value of priority (${given}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`;
        throw forbidden(kind, name, why);
      }
      const preemption = pod.spec?.preemptionPolicy;
      if (preemption !== undefined && preemption !== policy) {
        const why = `the string value of PreemptionPolicy (${preemption}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`;
        throw forbidden(kind, name, why);
      }
      const named = found.name === "" ? {} : { priorityClassName: found.name };
      return { ...object, spec: { ...pod.spec, ...named, priority: value, preemptionPolicy: policy } };
    },
    async validate({ object, kind, name }) {
      if (kind.plural !== "priorityclasses" || (object as PriorityClass | undefined)?.globalDefault !== true) return;
      const other = (await lookup.list(PRIORITY_CLASSES)).find((each) => each.globalDefault === true && each.metadata.name !== name);
      if (other === undefined) return;
      const why = `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`;
      throw forbidden(kind, name, why);
    },
  };
}

function keepPriority(pod: Pod, old: Pod): Pod & { readonly [field: string]: unknown } {
  const kept = pod as Pod & { readonly [field: string]: unknown };
  if (pod.spec === undefined || old.spec?.priority === undefined || pod.spec.priority !== undefined) return kept;
  const policy = old.spec.preemptionPolicy === undefined ? {} : { preemptionPolicy: old.spec.preemptionPolicy };
  return { ...kept, spec: { ...pod.spec, priority: old.spec.priority, ...(pod.spec.preemptionPolicy === undefined ? policy : {}) } };
}

const computed = ({ metadata, value = 0, preemptionPolicy = "PreemptLowerPriority" }: PriorityClass): Computed => ({
  name: metadata.name ?? "",
  value,
  policy: preemptionPolicy,
});

/** Of several defaults, which an old server may have let in, the lowest. */
function defaultClass(classes: readonly PriorityClass[]): Computed {
  const defaults = classes.filter(({ globalDefault }) => globalDefault === true).map(computed);
  return defaults.reduce<Computed | undefined>((lowest, each) => (lowest === undefined || each.value < lowest.value ? each : lowest), undefined) ?? NO_CLASS;
}

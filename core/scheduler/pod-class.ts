/**
 * Pods that ask for the same thing form a class: the replicas of a Deployment are decided with one ranking of the nodes
 * instead of one scan each. A class is named by everything in the pod that a decision can depend on, so two pods of one
 * class are interchangeable to the scheduler.
 */
import { type Labels, selectorOf, type Selector } from "../api/selector.ts";
import type {
  Affinity,
  LabelSelector,
  NodeSelectorTerm,
  Pod,
  PodAffinityTerm,
  PreferredSchedulingTerm,
  Toleration,
  TopologySpreadConstraint,
} from "../api/types.gen.ts";
import type { HostPort, PodInfo } from "./pod-info.ts";
import type { Amounts } from "./resources.ts";
import type { Matchable, Term, TermSpec } from "./terms.ts";

export interface PodClass {
  readonly key: string;
  readonly requests: Amounts;
  readonly hostPorts: readonly HostPort[];
  /** RuntimeClass handler; "" is the node's default one, "any" leaves the choice to the device */
  readonly handler: string;
  readonly tolerations: readonly Toleration[];
  readonly nodeSelector: Labels | undefined;
  readonly requiredNodes: readonly NodeSelectorTerm[] | undefined;
  readonly preferredNodes: readonly PreferredSchedulingTerm[];
  readonly affinity: readonly Term[];
  readonly antiAffinity: readonly Term[];
  readonly preferredPods: readonly WeightedTerm[];
  readonly spread: readonly SpreadRule[];
  /** terms of other pods that want to be apart from pods like these */
  readonly repelledBy: readonly Term[];
  /** the pod matches all its own affinity terms, so the first of its kind may go anywhere */
  readonly selfAffine: boolean;
  readonly priority: number;
  readonly preempts: boolean;
  /** all terms that the class acquired, to be released with it */
  readonly acquired: readonly Term[];
}

export interface WeightedTerm {
  readonly term: Term;
  /** negative for anti-affinity */
  readonly weight: number;
}

export interface SpreadRule {
  readonly term: Term;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** DoNotSchedule */
  readonly hard: boolean;
  /** 1 if the pod counts for its own rule */
  readonly self: 0 | 1;
}

export const ANY_HANDLER = "any";
/** The node's default handler by another name: what a node lists of it, it lists as "". */
export const CONTAINER_HANDLER = "containerd";
/** Only nodes that list it run components. */
export const COMPONENT_HANDLER = "wasi";

/** Cluster-level default spreading of kube-scheduler (PodTopologySpread, defaultingType System), as preferences. */
const defaultSpread = [
  { topologyKey: "kubernetes.io/hostname", maxSkew: 3 },
  { topologyKey: "topology.kubernetes.io/zone", maxSkew: 5 },
];

export interface ClassSources {
  readonly acquire: (spec: TermSpec) => Term;
  readonly matches: (term: Term, pod: Matchable) => boolean;
  readonly matchedBy: (pod: Matchable) => readonly Term[];
}

export function matchable(pod: PodInfo): Matchable {
  return { namespace: pod.namespace, labels: pod.labels, owner: ownerOf(pod.pod) };
}

function ownerOf(pod: Pod): string | undefined {
  return pod.metadata.ownerReferences?.find((owner) => owner.controller === true)?.uid;
}

/** Name of the class. `matched` are the terms that count this pod: what of its labels a decision depends on. */
export function classKey(pod: PodInfo, handler: string, matched: readonly Term[]): string {
  const { nodeSelector, affinity, tolerations, topologySpreadConstraints, preemptionPolicy } = pod.pod.spec ?? {};
  const relative = affinity?.podAffinity ?? affinity?.podAntiAffinity ?? topologySpreadConstraints;
  return JSON.stringify([
    handler,
    pod.requests,
    pod.hostPorts,
    nodeSelector,
    tolerations,
    affinity,
    topologySpreadConstraints,
    pod.priority,
    preemptionPolicy,
    relative === undefined ? undefined : [pod.namespace, pod.labels],
    matched.map((term) => term.id),
    ownerOf(pod.pod),
  ]);
}

export function podClass(key: string, pod: PodInfo, handler: string, sources: ClassSources): PodClass {
  const spec = pod.pod.spec;
  const affinity: Affinity | undefined = spec?.affinity;
  const self = matchable(pod);
  const acquired: Term[] = [];
  const acquire = (termSpec: TermSpec) => {
    const term = sources.acquire(termSpec);
    acquired.push(term);
    return term;
  };
  const terms = (list: readonly PodAffinityTerm[] | undefined) => (list ?? []).map((term) => acquire(affinityTerm(term, pod)));
  const weighted = (list: readonly { readonly weight: number; readonly podAffinityTerm: PodAffinityTerm }[] | undefined, sign: 1 | -1) =>
    (list ?? []).map(({ weight, podAffinityTerm }) => ({ term: acquire(affinityTerm(podAffinityTerm, pod)), weight: sign * weight }));
  const required = terms(affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution);
  return {
    key,
    requests: pod.requests,
    hostPorts: pod.hostPorts,
    handler,
    tolerations: spec?.tolerations ?? [],
    nodeSelector: spec?.nodeSelector,
    requiredNodes: affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms,
    preferredNodes: affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [],
    affinity: required,
    antiAffinity: terms(affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferredPods: [
      ...weighted(affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1),
      ...weighted(affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1),
    ],
    spread: spreadRules(spec?.topologySpreadConstraints, pod, self, acquire, sources),
    repelledBy: sources.matchedBy(self).filter((term) => term.spec.countsTerminating),
    selfAffine: required.every((term) => sources.matches(term, self)),
    priority: pod.priority,
    preempts: spec?.preemptionPolicy !== "Never",
    acquired,
  };
}

/** The term of one required or preferred affinity rule. Without namespaces it means the pod's own. */
export function affinityTerm(term: PodAffinityTerm, pod: PodInfo): TermSpec {
  const own = term.namespaces === undefined && term.namespaceSelector === undefined;
  return {
    topologyKey: term.topologyKey,
    selects: {
      by: "labels",
      namespaces: own ? [pod.namespace] : (term.namespaces ?? []).toSorted(),
      namespaceSelector: term.namespaceSelector === undefined ? undefined : selectorOf(term.namespaceSelector),
      selector: selecting(term.labelSelector),
    },
    countsTerminating: true,
  };
}

function spreadRules(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  pod: PodInfo,
  self: Matchable,
  acquire: (spec: TermSpec) => Term,
  sources: ClassSources,
): readonly SpreadRule[] {
  if (constraints === undefined || constraints.length === 0) {
    const uid = self.owner;
    if (uid === undefined) return [];
    return defaultSpread.map(({ topologyKey, maxSkew }) => ({
      term: acquire({ topologyKey, selects: { by: "owner", uid }, countsTerminating: false }),
      maxSkew,
      minDomains: 1,
      hard: false,
      self: 1,
    }));
  }
  return constraints.map((constraint) => {
    const selector: Selector = [
      ...selecting(constraint.labelSelector),
      ...(constraint.matchLabelKeys ?? []).flatMap((key) => {
        const value = pod.labels[key];
        return value === undefined ? [] : [{ key, operator: "In" as const, values: [value] }];
      }),
    ];
    const term = acquire({
      topologyKey: constraint.topologyKey,
      selects: { by: "labels", namespaces: [pod.namespace], namespaceSelector: undefined, selector },
      countsTerminating: false,
    });
    return {
      term,
      maxSkew: constraint.maxSkew,
      minDomains: constraint.minDomains ?? 1,
      hard: constraint.whenUnsatisfiable === "DoNotSchedule",
      self: sources.matches(term, self) ? 1 : 0,
    };
  });
}

/** A missing label selector selects no pod at all, an empty one every pod. */
const nothing: Selector = [{ key: "lichen.dev/none", operator: "In", values: [] }];

function selecting(selector: LabelSelector | undefined): Selector {
  return selector === undefined ? nothing : selectorOf(selector);
}

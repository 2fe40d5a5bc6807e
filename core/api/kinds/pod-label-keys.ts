/**
 * matchLabelKeys (KEP-3633, KEP-3243): keys whose values come from the pod's own labels. They become requirements of the
 * selector when the pod is made, so the scheduler reads selectors only.
 */
import type { LabelSelector, PodAffinity, PodAffinityTerm, PodSpec } from "../types.gen.ts";
import { mapAll, mapField } from "./fill.ts";

type Labels = { readonly [key: string]: string };

export function joinLabelKeys(spec: PodSpec, labels: Labels = {}): PodSpec {
  const joined = mapField(spec, "affinity", (affinity) => {
    const own = mapField(affinity, "podAffinity", (one) => ofPods(one, labels));
    return mapField(own, "podAntiAffinity", (one) => ofPods(one, labels));
  });
  return mapField(joined, "topologySpreadConstraints", (list) =>
    mapAll(list, (constraint) => mapField(constraint, "labelSelector", (selector) => withKeys(selector, "In", constraint.matchLabelKeys, labels))),
  );
}

function ofPods(affinity: PodAffinity, labels: Labels): PodAffinity {
  const must = mapField(affinity, "requiredDuringSchedulingIgnoredDuringExecution", (terms) => mapAll(terms, (term) => ofTerm(term, labels)));
  return mapField(must, "preferredDuringSchedulingIgnoredDuringExecution", (terms) =>
    mapAll(terms, (weighted) => mapField(weighted, "podAffinityTerm", (term) => ofTerm(term, labels))),
  );
}

function ofTerm(term: PodAffinityTerm, labels: Labels): PodAffinityTerm {
  return mapField(term, "labelSelector", (selector) => withKeys(withKeys(selector, "In", term.matchLabelKeys, labels), "NotIn", term.mismatchLabelKeys, labels));
}

function withKeys(selector: LabelSelector, operator: "In" | "NotIn", keys: readonly string[] | undefined, labels: Labels): LabelSelector {
  const added = (keys ?? []).flatMap((key) => (labels[key] === undefined ? [] : [{ key, operator, values: [labels[key]] }]));
  return added.length === 0 ? selector : { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...added] };
}

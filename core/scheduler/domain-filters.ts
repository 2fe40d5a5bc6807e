/**
 * Rules about pods elsewhere: affinity, anti-affinity in both directions, and topology spread. A rule's verdict is the same
 * for all nodes of one domain, so the ranking asks once per domain where domains are few.
 */
import type { Labels } from "../api/selector.ts";
import type { PodClass, SpreadRule } from "./pod-class.ts";
import type { Term } from "./terms.ts";

export interface Refusal {
  readonly reason: string;
  /** the term that says no: the verdict can change when its counts do */
  readonly term: Term;
}

/** Number of distinct values of a topology label among the nodes that the pods may use. */
export type Domains = (topologyKey: string) => number;

export function domainRefusal(pods: PodClass, labels: Labels, domains: Domains): Refusal | undefined {
  for (const term of pods.antiAffinity) {
    const value = labels[term.spec.topologyKey];
    if (value !== undefined && term.matches.of(value) > 0) return { reason: "node(s) didn't match pod anti-affinity rules", term };
  }
  for (const term of pods.repelledBy) {
    const value = labels[term.spec.topologyKey];
    if (value !== undefined && term.holders.of(value) > 0) {
      return { reason: "node(s) didn't satisfy existing pods anti-affinity rules", term };
    }
  }
  return affinityRefusal(pods, labels) ?? spreadRefusal(pods.spread, labels, domains);
}

/** The first pod of a group that is affine to itself finds nobody yet and may go to any node that has the labels. */
function affinityRefusal(pods: PodClass, labels: Labels): Refusal | undefined {
  const first = pods.selfAffine && pods.affinity.every((term) => term.matches.total === 0);
  for (const term of pods.affinity) {
    const value = labels[term.spec.topologyKey];
    if (value === undefined || (!first && term.matches.of(value) === 0)) return { reason: "node(s) didn't match pod affinity rules", term };
  }
  return undefined;
}

function spreadRefusal(rules: readonly SpreadRule[], labels: Labels, domains: Domains): Refusal | undefined {
  for (const { term, maxSkew, minDomains, hard, self } of rules) {
    if (!hard) continue;
    const value = labels[term.spec.topologyKey];
    if (value === undefined) return { reason: "node(s) didn't match pod topology spread constraints (missing required label)", term };
    const count = domains(term.spec.topologyKey);
    const least = count < minDomains ? 0 : term.matches.least(count);
    if (term.matches.of(value) + self - least > maxSkew) return { reason: "node(s) didn't match pod topology spread constraints", term };
  }
  return undefined;
}

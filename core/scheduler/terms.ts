/**
 * Counting pods by place. A term is one distinct question "how many pods like this are in each domain of that topology",
 * asked by affinity, anti-affinity and spreading alike. Each term keeps its counts up to date as pods come and go, so
 * that a decision reads a number instead of walking over pods.
 */
import { type Labels, matchesLabels, type Selector } from "../api/selector.ts";

export interface TermSpec {
  readonly topologyKey: string;
  readonly selects: PodMatcher;
  /** spreading does not count pods that are on their way out, affinity does */
  readonly countsTerminating: boolean;
}

export type PodMatcher =
  | { readonly by: "labels"; readonly namespaces: readonly string[]; readonly namespaceSelector: Selector | undefined; readonly selector: Selector }
  /** the pods of one controller, for default spreading */
  | { readonly by: "owner"; readonly uid: string };

export interface Matchable {
  readonly namespace: string;
  readonly labels: Labels;
  readonly owner: string | undefined;
}

export interface Term {
  readonly id: number;
  readonly spec: TermSpec;
  /** pods that match, by value of the topology label; only values above zero */
  readonly matches: Counts;
  /** pods that themselves require to be apart from what matches (the other direction of anti-affinity) */
  readonly holders: Counts;
  /** grows when a node that was refused because of this term may be fine again */
  releases: number;
}

/** Numbers by key that know their smallest and their sum. */
export interface Counts {
  of(value: string): number;
  /** true if this may have made a refused domain acceptable: a count fell, appeared, or was the last of the smallest */
  add(value: string, by: 1 | -1): boolean;
  /** smallest count over `domains` values, of which those never counted are 0 */
  least(domains: number): number;
  readonly total: number;
}

export function counts(): Counts {
  const byValue = new Map<string, number>();
  /** how many values have each count: spreading keeps them close together, so there are few */
  const histogram = new Map<number, number>();
  let total = 0;
  const shift = (count: number, by: number) => {
    const left = (histogram.get(count) ?? 0) + by;
    if (left === 0) histogram.delete(count);
    else histogram.set(count, left);
  };
  return {
    of: (value) => byValue.get(value) ?? 0,
    add(value, by) {
      const old = byValue.get(value) ?? 0;
      const count = old + by;
      total += by;
      if (old > 0) shift(old, -1);
      if (count > 0) {
        shift(count, 1);
        byValue.set(value, count);
      } else byValue.delete(value);
      return by < 0 || old === 0 || !histogram.has(old);
    },
    least(domains) {
      if (byValue.size < domains || byValue.size === 0) return 0;
      let least = Number.POSITIVE_INFINITY;
      for (const count of histogram.keys()) if (count < least) least = count;
      return least;
    },
    get total() {
      return total;
    },
  };
}

export interface TermTable {
  /** the one term for this question, made if nobody asked it yet; `fill` counts the pods that are there already */
  acquire(spec: TermSpec, fill: (term: Term) => void): Term;
  release(term: Term): void;
  /** the terms that count this pod */
  matchedBy(pod: Matchable): readonly Term[];
  matches(term: Term, pod: Matchable): boolean;
  /** a namespace changed its labels: forget what was derived from them */
  forgetNamespaces(): void;
  all(): Iterable<Term>;
}

/** Distinct label sets whose matching terms are remembered. */
const SIGNATURES_LIMIT = 20_000;
const noTerms: readonly Term[] = [];

export function termTable(namespaceLabels: (namespace: string) => Labels): TermTable {
  const terms = new Map<string, { readonly term: Term; users: number }>();
  const bySignature = new Map<string, readonly Term[]>();
  const keys = new Map<number, string>();
  let nextId = 1;

  function matches({ spec }: Term, pod: Matchable): boolean {
    const { selects } = spec;
    if (selects.by === "owner") return pod.owner === selects.uid;
    const inNamespace =
      selects.namespaces.includes(pod.namespace) ||
      (selects.namespaceSelector !== undefined && matchesLabels(selects.namespaceSelector, namespaceLabels(pod.namespace)));
    return inNamespace && matchesLabels(selects.selector, pod.labels);
  }

  return {
    acquire(spec, fill) {
      const key = JSON.stringify(spec);
      const known = terms.get(key);
      if (known !== undefined) {
        known.users++;
        return known.term;
      }
      const term: Term = { id: nextId++, spec, matches: counts(), holders: counts(), releases: 0 };
      terms.set(key, { term, users: 1 });
      keys.set(term.id, key);
      bySignature.clear();
      fill(term);
      return term;
    },
    release(term) {
      const key = keys.get(term.id) ?? "";
      const known = terms.get(key);
      if (known === undefined || --known.users > 0) return;
      terms.delete(key);
      keys.delete(term.id);
      bySignature.clear();
    },
    matchedBy(pod) {
      if (terms.size === 0) return noTerms;
      const signature = `${pod.namespace}|${pod.owner}|${JSON.stringify(pod.labels)}`;
      let matched = bySignature.get(signature);
      if (matched === undefined) {
        matched = [...terms.values()].filter(({ term }) => matches(term, pod)).map(({ term }) => term);
        if (bySignature.size >= SIGNATURES_LIMIT) bySignature.clear();
        bySignature.set(signature, matched);
      }
      return matched;
    },
    matches,
    forgetNamespaces: () => bySignature.clear(),
    *all() {
      for (const { term } of terms.values()) yield term;
    },
  };
}

/**
 * Counts and times of what the agent does, under kubelet's names, until a page shows them. What may be measured is a table;
 * labels are of closed sets or name a pod, and those of a pod are forgotten with it: nothing grows with time.
 */
import type { Family, MetricSample } from "./prometheus.ts";

export type Labels = { readonly [name: string]: string };

/** `bounds`: of a histogram, seconds; absent: a counter */
const meters = {
  prober_probe_total: { help: "Cumulative number of a liveness, readiness or startup probe for a container by result." },
  prober_probe_duration_seconds: { help: "Duration in seconds for a probe response.", bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] },
  kubelet_runtime_operations_total: { help: "Cumulative number of runtime operations by operation type." },
  kubelet_runtime_operations_errors_total: { help: "Cumulative number of runtime operation errors by operation type." },
  kubelet_runtime_operations_duration_seconds: { help: "Duration in seconds of runtime operations. Broken down by operation type.", bounds: exponential(0.005, 2.5, 14) },
  kubelet_evictions: { help: "Cumulative number of pod evictions by eviction signal" },
  kubelet_started_containers_total: { help: "Cumulative number of containers started" },
  kubelet_started_containers_errors_total: { help: "Cumulative number of errors when starting containers" },
  kubelet_started_pods_total: { help: "Cumulative number of pods started" },
  kubelet_started_pods_errors_total: { help: "Cumulative number of errors when starting pods" },
  kubelet_pod_start_duration_seconds: { help: "Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run", bounds: [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600] },
} as const satisfies { readonly [name: string]: { readonly help: string; readonly bounds?: readonly number[] } };

type Name = keyof typeof meters;
export type CounterName = { [N in Name]: (typeof meters)[N] extends { readonly bounds: unknown } ? never : N }[Name];
export type HistogramName = Exclude<Name, CounterName>;

export interface Meter {
  count(name: CounterName, labels?: Labels): void;
  observe(name: HistogramName, seconds: number, labels?: Labels): void;
  /** everything with these labels */
  forget(labels: Labels): void;
  /** of the names that begin so */
  families(prefix: string): readonly Family[];
}

interface Row {
  readonly labels: Labels;
  /** per bound; one more above the last; a counter has one */
  readonly counts: number[];
  sum: number;
}

export function meter(): Meter {
  const rows = new Map<Name, Map<string, Row>>();
  const rowOf = (name: Name, labels: Labels, size: number): Row => {
    const all = rows.get(name) ?? new Map<string, Row>();
    rows.set(name, all);
    const key = JSON.stringify(labels);
    const row = all.get(key) ?? { labels, counts: Array.from({ length: size }, () => 0), sum: 0 };
    all.set(key, row);
    return row;
  };
  return {
    count(name, labels = {}) {
      const { counts } = rowOf(name, labels, 1);
      counts[0] = (counts[0] ?? 0) + 1;
    },
    observe(name, seconds, labels = {}) {
      const { bounds } = meters[name];
      const row = rowOf(name, labels, bounds.length + 1);
      const at = bounds.findIndex((bound) => seconds <= bound);
      const bucket = at < 0 ? bounds.length : at;
      row.counts[bucket] = (row.counts[bucket] ?? 0) + 1;
      row.sum += seconds;
    },
    forget(labels) {
      for (const all of rows.values()) {
        for (const [key, row] of all) if (Object.entries(labels).every(([label, value]) => row.labels[label] === value)) all.delete(key);
      }
    },
    families: (prefix) => [...rows].filter(([name]) => name.startsWith(prefix)).map(([name, all]): Family => {
      const { help, ...rest } = meters[name];
      const bounds: readonly number[] | undefined = "bounds" in rest ? rest.bounds : undefined;
      const samples = [...all.values()].flatMap((row) => (bounds === undefined ? [{ labels: row.labels, value: row.counts[0] ?? 0 }] : histogram(row, bounds)));
      return { name, help, type: bounds === undefined ? "counter" : "histogram", samples };
    }),
  };
}

/** Buckets hold all that took no longer than their bound. */
function histogram({ labels, counts, sum }: Row, bounds: readonly number[]): MetricSample[] {
  let total = 0;
  const buckets = counts.map((count, at): MetricSample => {
    total += count;
    return { suffix: "_bucket", labels: { ...labels, le: at === bounds.length ? "+Inf" : String(bounds[at]) }, value: total };
  });
  return [...buckets, { suffix: "_sum", labels, value: sum }, { suffix: "_count", labels, value: total }];
}

function exponential(first: number, factor: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_none, at) => first * factor ** at);
}

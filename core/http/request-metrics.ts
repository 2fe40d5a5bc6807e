/**
 * What /metrics says about requests, in Kubernetes' names and the text format of Prometheus. Series exist per kind and verb
 * and never per name or path, so their number is bounded by the KindTable and not by what clients send.
 */
import type { KindTable } from "../api/kinds.ts";
import type { Asked } from "./fairness/asked.ts";
import { isMutating, isStream } from "./fairness/asked.ts";

export interface Sample {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly values: readonly { readonly labels?: { readonly [label: string]: string }; readonly value: number }[];
}

export interface RequestMetrics {
  /** the result is called once, with the status of the answer */
  begin(asked: Asked): (code: number) => void;
  /** a watch was opened; the result says that it ended */
  watch(asked: Asked): () => void;
  text(more: Iterable<Sample>): string;
}

/** Seconds; the buckets of apiserver_request_duration_seconds that dashboards use */
const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

interface Series {
  readonly labels: string;
  readonly codes: Map<number, number>;
  readonly buckets: number[];
  sum: number;
  count: number;
  watches: number;
}

const verbs: { readonly [verb: string]: string } = {
  get: "GET",
  list: "LIST",
  watch: "WATCH",
  create: "POST",
  update: "PUT",
  patch: "PATCH",
  delete: "DELETE",
  deletecollection: "DELETE",
};

/** `now`: a monotonic clock in milliseconds */
export function requestMetrics({ kinds, now }: { readonly kinds: KindTable; readonly now: () => number }): RequestMetrics {
  const series = new Map<string, Series>();
  const running = { mutating: 0, readOnly: 0 };

  function seriesOf(asked: Asked): Series {
    const { resource, verb } = asked;
    const key = resource === undefined ? verb : `${verb} ${resource.group}/${resource.version}/${resource.plural}/${resource.subresource ?? ""} ${scopeOf(asked)}`;
    return series.get(key) ?? remember(key, asked);
  }

  /** What a client made up shares one series. */
  function remember(key: string, asked: Asked): Series {
    const labels = servedLabels(kinds, asked);
    const kept = labels === undefined ? OTHER : key;
    let of = series.get(kept);
    if (of === undefined) {
      of = { labels: labelsOf({ component: "apiserver", ...(labels ?? none), verb: labels?.verb ?? OTHER }), codes: new Map(), buckets: BUCKETS.map(() => 0), sum: 0, count: 0, watches: 0 };
      series.set(kept, of);
    }
    return of;
  }

  return {
    begin(asked) {
      const started = now();
      const of = seriesOf(asked);
      const request = isMutating(asked) ? "mutating" : "readOnly";
      const counted = !isStream(asked) && asked.verb !== "watch";
      if (counted) running[request]++;
      return (code) => {
        of.codes.set(code, (of.codes.get(code) ?? 0) + 1);
        if (!counted) return;
        running[request]--;
        const seconds = (now() - started) / 1000;
        of.sum += seconds;
        of.count++;
        const bucket = BUCKETS.findIndex((limit) => seconds <= limit);
        if (bucket >= 0) of.buckets[bucket] = (of.buckets[bucket] ?? 0) + 1;
      };
    },
    watch(asked) {
      const of = seriesOf(asked);
      of.watches++;
      return () => void of.watches--;
    },
    text(more) {
      const all = [...series.values()];
      const lines: string[] = [];
      head(lines, "apiserver_request_total", "counter", "Requests by verb, resource and code.");
      for (const { labels, codes } of all) for (const [code, count] of codes) lines.push(`apiserver_request_total{code="${code}",dry_run="",${labels}} ${count}`);
      head(lines, "apiserver_request_duration_seconds", "histogram", "How long answers took, without watches and streams.");
      for (const { labels, buckets, sum, count } of all) if (count > 0) histogram(lines, "apiserver_request_duration_seconds", labels, buckets, sum, count);
      head(lines, "apiserver_current_inflight_requests", "gauge", "Requests that are being worked on.");
      for (const [kind, count] of Object.entries(running)) lines.push(`apiserver_current_inflight_requests{request_kind="${kind}"} ${count}`);
      head(lines, "apiserver_longrunning_requests", "gauge", "Open watches.");
      for (const { labels, watches } of all) if (watches > 0) lines.push(`apiserver_longrunning_requests{${labels}} ${watches}`);
      for (const { name, type, help, values } of more) {
        head(lines, name, type, help);
        for (const { labels = {}, value } of values) lines.push(`${name}${Object.keys(labels).length === 0 ? "" : `{${labelsOf(labels)}}`} ${value}`);
      }
      return `${lines.join("\n")}\n`;
    },
  };
}

const OTHER = "other";
const none = { group: "", resource: "", scope: "", subresource: "", version: "" };

function scopeOf({ resource }: Asked): string {
  return resource === undefined ? "" : resource.name !== undefined ? "resource" : resource.namespace !== undefined ? "namespace" : "cluster";
}

/** undefined: nothing that this server serves */
function servedLabels(kinds: KindTable, asked: Asked) {
  const verb = isStream(asked) ? "CONNECT" : verbs[asked.verb];
  if (verb === undefined) return undefined;
  const { resource } = asked;
  if (resource === undefined) return { ...none, verb };
  const { group, version, plural, subresource } = resource;
  const kind = kinds.byResource(group, version, plural);
  if (kind === undefined || (subresource !== undefined && !kind.subresources.some(({ name }) => name === subresource))) return undefined;
  return { group, resource: plural, scope: scopeOf(asked), subresource: subresource ?? "", version, verb };
}

function head(lines: string[], name: string, type: string, help: string): void {
  lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
}

function histogram(lines: string[], name: string, labels: string, buckets: readonly number[], sum: number, count: number): void {
  let below = 0;
  for (const [index, limit] of BUCKETS.entries()) {
    below += buckets[index] ?? 0;
    lines.push(`${name}_bucket{${labels},le="${limit}"} ${below}`);
  }
  lines.push(`${name}_bucket{${labels},le="+Inf"} ${count}`, `${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${count}`);
}

function labelsOf(labels: { readonly [label: string]: string }): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`)
    .join(",");
}

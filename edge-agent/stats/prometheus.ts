/** Metrics in the text format of Prometheus 0.0.4: families with their help and type, samples below. Pure. */
export interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  /** a histogram's parts are series of their own */
  readonly suffix?: "_bucket" | "_sum" | "_count";
  readonly labels?: { readonly [name: string]: string };
  readonly value: number;
  /** milliseconds; absent: the time of the scrape */
  readonly at?: number | undefined;
}

export const counter = (name: string, help: string, samples: readonly MetricSample[]): Family => ({ name, type: "counter", help, samples });
export const gauge = (name: string, help: string, samples: readonly MetricSample[]): Family => ({ name, type: "gauge", help, samples });

export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function prometheusText(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, help, samples }) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.map((sample) => line(name, sample)).join("")}`)
    .join("");
}

function line(name: string, { suffix, labels = {}, value, at }: MetricSample): string {
  const pairs = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${suffix ?? ""}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}${at === undefined ? "" : ` ${Math.floor(at)}`}\n`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

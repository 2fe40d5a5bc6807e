/** lichen:metrics/instruments: values in memory that the process's other thread tells the agent (net-agent.ts). */
import type { AgentLine } from "./agent-line.ts";
import { MAX_SERIES } from "./agent-lines.ts";
import type { Series } from "./agent-lines.ts";
import { Failure } from "./io.ts";

type Labels = readonly (readonly [string, string])[];

const NAME = /^[a-z_][a-z0-9_]{0,63}$/;
const MAX_LABELS = 4;
const MAX_LABEL_LENGTH = 64;
/** The page has them for every series. */
const TAKEN = new Set(["namespace", "pod", "container"]);

const invalid = () => new Failure("invalid");

export function metrics(line: AgentLine) {
  const indices = new Map<string, number>();
  const types = new Map<string, Series["type"]>();

  /** @throws Failure */
  function indexOf(name: string, type: Series["type"], labels: Labels): number {
    const key = JSON.stringify([name, labels]);
    const known = indices.get(key);
    if (known !== undefined && types.get(name) === type) return known;
    const sound = labels.length <= MAX_LABELS && labels.every(([label, value]) => NAME.test(label) && !TAKEN.has(label) && value.length <= MAX_LABEL_LENGTH);
    if (!NAME.test(name) || !sound || (types.get(name) ?? type) !== type) throw invalid();
    if (indices.size >= MAX_SERIES) throw new Failure("too-many");
    const index = indices.size;
    line.series(index, { name, type, labels: Object.fromEntries(labels) });
    indices.set(key, index);
    types.set(name, type);
    return index;
  }

  return {
    add(name: string, labels: Labels, value: number): void {
      if (!(value >= 0 && value < Infinity)) throw invalid();
      const index = indexOf(name, "counter", labels);
      line.values[index] = (line.values[index] ?? 0) + value;
    },
    set(name: string, labels: Labels, value: number): void {
      line.values[indexOf(name, "gauge", labels)] = value;
    },
  };
}

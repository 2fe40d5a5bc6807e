/** The border: what a component's process wrote becomes a line here, or nothing. */
import type { LineUp } from "../../../wasm-runtime/host/agent-lines.ts";

const NAME = /^[a-z_][a-z0-9_]{0,63}$/;
const MAX_LABELS = 4;
const MAX_LABEL_LENGTH = 64;
/** said by the page itself */
const RESERVED = new Set(["namespace", "pod", "container"]);

const number = (value: unknown): value is number => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const text = (value: unknown): value is string => typeof value === "string";
const pair = (value: unknown): value is [number, number] => Array.isArray(value) && value.length === 2 && number(value[0]) && typeof value[1] === "number";

export function parseLine(line: string): LineUp | undefined {
  let given: Readonly<Record<string, unknown>>;
  try {
    given = Object(JSON.parse(line)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { say, id, topic, payload, filter, index, name, type, labels, values } = given;
  if (say === "publish" && number(id) && text(topic) && text(payload)) return { say, id, topic, payload };
  if (say === "subscribe" && number(id) && text(filter)) return { say, id, filter };
  if (say === "unsubscribe" && number(id)) return { say, id };
  if (say === "values" && Array.isArray(values) && values.every(pair)) return { say, values };
  if (say !== "series" || !number(index) || !text(name) || !NAME.test(name) || (type !== "counter" && type !== "gauge")) return undefined;
  const entries = Object.entries(Object(labels) as Record<string, unknown>);
  const sound = entries.length <= MAX_LABELS && entries.every(([label, value]) => NAME.test(label) && !RESERVED.has(label) && text(value) && value.length <= MAX_LABEL_LENGTH);
  return sound ? { say, index, name, type, labels: Object.fromEntries(entries) as Record<string, string> } : undefined;
}

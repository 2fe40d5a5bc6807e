/** Durations and times of JSON as values of CEL. */
import { Environment } from "@marcbachmann/cel-js";

const plain = new Environment().registerVariable("text", "string");
const parseDuration = plain.parse("duration(text)");
const parseTimestamp = plain.parse("timestamp(text)");

/** The value itself when it is none: what is wrong with it has been told by the schema. */
export function duration(value: unknown): unknown {
  return attempt(parseDuration, value);
}

export function timestamp(value: unknown): unknown {
  if (typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value)) return new Date(`${value}T00:00:00Z`);
  return attempt(parseTimestamp, value);
}

function attempt(parse: (variables: { text: string }) => unknown, value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return parse({ text: value });
  } catch {
    return value;
  }
}

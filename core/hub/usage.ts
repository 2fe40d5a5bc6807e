/**
 * What devices use, asked over their stream connection when somebody looks. Answers are shared for a moment: a
 * dashboard, an autoscaler and kubectl at the same time cost the link one exchange.
 */
import type { Clock } from "../api/clock.ts";
import { ApiError } from "../api/status.ts";
import { CHANNEL, type DeviceStreams } from "../api/streams.ts";
import type { DeviceUsage, DeviceUsages } from "../api/usage.ts";
import { integer, list, refuse, Refusal, shape, text, type Shape } from "../wire/shape.ts";

/** metrics-server looks at a node each 15 s; half of it keeps two askers from doubling the traffic. */
const FRESH_MS = 7_000;
/** A device takes a second for its first answer and slow links seconds more. */
const ANSWER_MS = 20_000;
/** 110 pods with ten containers each, 150 bytes per container. */
const MAX_ANSWER_BYTES = 1 << 20;

const optional = (value: unknown, at: string): number | undefined => (value === undefined ? undefined : integer(value, at));
const amount = { cpu: optional, memory: optional };
const answer: Shape<DeviceUsage> = shape({
  at: integer,
  windowMs: integer,
  node: shape({}, amount),
  pods: list(shape({ namespace: text(), name: text(), uid: text(), containers: list(shape({ name: text() }, amount)) })),
});

export function deviceUsages({ streams, clock }: { readonly streams: DeviceStreams; readonly clock: Clock }): DeviceUsages {
  const known = new Map<string, { readonly at: number; readonly usage: Promise<DeviceUsage> }>();
  return {
    of(node) {
      const found = known.get(node);
      if (found !== undefined && clock.monotonic() - found.at < FRESH_MS) return found.usage;
      const usage = ask(streams, clock, node);
      const entry = { at: clock.monotonic(), usage };
      known.set(node, entry);
      // what failed may work in the next moment
      usage.catch(() => {
        if (known.get(node) === entry) known.delete(node);
      });
      return usage;
    },
  };
}

async function ask(streams: DeviceStreams, clock: Clock, node: string): Promise<DeviceUsage> {
  const late = new AbortController();
  const cancel = clock.after(ANSWER_MS, () => late.abort());
  try {
    const stream = await streams.open(node, { type: "usage" }, late.signal);
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const { channel, data, end } of stream.frames) {
      if (channel === CHANNEL.stdout) parts.push(data);
      size += data.length;
      if (size > MAX_ANSWER_BYTES) throw new ApiError("InternalError", `device ${node} sent figures without end`);
      if (end === true) break;
    }
    stream.close();
    return parse(Buffer.concat(parts).toString(), node);
  } finally {
    cancel();
    late.abort();
  }
}

function parse(json: string, node: string): DeviceUsage {
  try {
    const value: unknown = JSON.parse(json);
    return answer(value ?? refuse("", "is empty"), "");
  } catch (error) {
    if (error instanceof Refusal || error instanceof SyntaxError) throw new ApiError("InternalError", `device ${node} sent figures that make no sense: ${error.message}`);
    throw error;
  }
}

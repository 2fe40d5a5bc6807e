/** wrk(1), an HTTP load generator, and what its summary says. */
import type { Machine } from "./switch.ts";

export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  /** of connections: refused, reset, closed, and requests that got no answer in time */
  readonly socketErrors: number;
  readonly timeouts: number;
  /** answers other than 2xx and 3xx */
  readonly badAnswers: number;
  /** median and 99th percentile, as wrk writes them: "1.20ms" */
  readonly p50: string;
  readonly p99: string;
}

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
}

/** A request that has no answer after this many seconds counts as failed. */
const TIMEOUT_SECONDS = 2;

export async function wrk(from: Machine, { url, connections, seconds }: LoadOptions): Promise<Load> {
  return summary(await from.run("wrk", "-t1", `-c${connections}`, `-d${seconds}s`, `--timeout=${TIMEOUT_SECONDS}s`, "--latency", url));
}

export const failed = ({ socketErrors, timeouts, badAnswers }: Load): number => socketErrors + timeouts + badAnswers;

/** @throws Error when it is no summary of wrk */
export function summary(text: string): Load {
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  if (!/requests in/.test(text)) throw new Error(`this is not what wrk says at its end:\n${text}`);
  return {
    requests: number(/(\d+) requests in/),
    perSecond: number(/Requests\/sec:\s+([\d.]+)/),
    socketErrors: number(/connect (\d+)/) + number(/read (\d+)/) + number(/write (\d+)/),
    timeouts: number(/timeout (\d+)/),
    badAnswers: number(/Non-2xx or 3xx responses: (\d+)/),
    p50: /50%\s+(\S+)/.exec(text)?.[1] ?? "?",
    p99: /99%\s+(\S+)/.exec(text)?.[1] ?? "?",
  };
}

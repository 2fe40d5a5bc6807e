/**
 * What a guest's process and the agent say to each other: one line of JSON each, over a socket in the process's state directory.
 * The agent is who checks: whether a topic was granted, how much, how often.
 */
export interface Series {
  /** lower-case, as in Prometheus: "requests_total" */
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly labels: Readonly<Record<string, string>>;
}

export type MessageError = "denied" | "unreachable" | "invalid" | "busy";

/** to the agent */
export type LineUp =
  /** `payload` is base64 */
  | { readonly say: "publish"; readonly id: number; readonly topic: string; readonly payload: string }
  | { readonly say: "subscribe"; readonly id: number; readonly filter: string }
  | { readonly say: "unsubscribe"; readonly id: number }
  /** series are numbered from 0 */
  | ({ readonly say: "series"; readonly index: number } & Series)
  | { readonly say: "values"; readonly values: readonly (readonly [index: number, value: number])[] };

/** from the agent */
export type LineDown =
  /** the answer to publish and subscribe; without an error it was done */
  | { readonly say: "done"; readonly id: number; readonly error?: MessageError }
  | { readonly say: "message"; readonly id: number; readonly topic: string; readonly payload: string };

export const SOCKET_FILE = "agent.sock";
/** A message is a reading or an order, not a file; the link to the server carries it whole. */
export const MAX_MESSAGE_BYTES = 64 << 10;
/** base64, topic and the rest of the line */
export const MAX_LINE_BYTES = 96 << 10;
export const MAX_SUBSCRIPTIONS = 16;
/** A page with all pods of a device stays below some thousand lines. */
export const MAX_SERIES = 100;

/** Gathers bytes into lines. @returns undefined for a line that is too long: the peer is broken then */
export function lineReader(): (bytes: Uint8Array) => readonly string[] | undefined {
  let rest = "";
  const decoder = new TextDecoder();
  return (bytes) => {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    return rest.length > MAX_LINE_BYTES || parts.some((part) => part.length > MAX_LINE_BYTES) ? undefined : parts;
  };
}

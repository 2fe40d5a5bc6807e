/**
 * What a handler gives back: plain data that app.ts turns into one HTTP response. Streams write by themselves and say so.
 */
import type { EncodedList } from "../registry/encoded.ts";

export type Reply = Message | "streamed";

export interface Message {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: Uint8Array | string | EncodedList | ReadableStream<Uint8Array> | null;
}

export function isWhole(body: Uint8Array | string | EncodedList): body is Uint8Array | string {
  return typeof body === "string" || body instanceof Uint8Array;
}

export function whole(body: Uint8Array | string | EncodedList): Uint8Array | string {
  if (isWhole(body)) return body;
  const parts = [...body.parts()];
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, body.length);
}

export function json(body: unknown, status = 200, headers: { readonly [name: string]: string } = {}): Message {
  return { status, headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) };
}

export function text(body: string, status = 200): Message {
  return { status, headers: { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" }, body };
}

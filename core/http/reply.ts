/**
 * What a handler gives back: plain data that app.ts turns into one HTTP response. Streams write by themselves and say so.
 */
export type Reply = Message | "streamed";

export interface Message {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: Uint8Array | string | ReadableStream<Uint8Array> | null;
}

export function json(body: unknown, status = 200, headers: { readonly [name: string]: string } = {}): Message {
  return { status, headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) };
}

export function text(body: string, status = 200): Message {
  return { status, headers: { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" }, body };
}

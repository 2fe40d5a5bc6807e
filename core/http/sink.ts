/**
 * The writing end of a long answer. On a server it is the response of node:http or node:http2 itself, because Response
 * streams cost 5 µs more per chunk; without one (tests, other callers of the application) it is a ReadableStream.
 */
import type { Writable } from "node:stream";
import type { Call } from "./call.ts";
import type { Reply } from "./reply.ts";

export interface Sink {
  /** resolves when the reader has taken enough for more, or when it is gone */
  write(chunk: Uint8Array): Promise<void>;
  end(): void;
  /** breaks the connection, or the HTTP/2 stream: the reader sees that the answer is not whole */
  abort(): void;
  /** aborts when the reader went away */
  readonly closed: AbortSignal;
  /** what the handler returns to app.ts */
  readonly reply: Reply;
}

export function openSink(call: Call, headers: { readonly [name: string]: string }): Sink {
  return call.outgoing === undefined ? streamSink(headers) : nodeSink(call.outgoing, headers);
}

/** The stream of a node:http2 response: its compatibility layer has no drain event of its own. */
export function streamOf(outgoing: NonNullable<Call["outgoing"]>): Writable {
  return "stream" in outgoing ? outgoing.stream : outgoing;
}

function nodeSink(outgoing: NonNullable<Call["outgoing"]>, headers: { readonly [name: string]: string }): Sink {
  const stream = streamOf(outgoing);
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  // a reset by the client is the normal end of a watch
  stream.on("error", () => gone.abort());
  if ("stream" in outgoing) outgoing.writeHead(200, headers);
  else {
    outgoing.writeHead(200, headers);
    outgoing.flushHeaders();
  }
  return {
    closed: gone.signal,
    reply: "streamed",
    write: (chunk) => (gone.signal.aborted || stream.write(chunk) ? Promise.resolve() : drained(stream, gone.signal)),
    end() {
      if (!gone.signal.aborted) outgoing.end();
    },
    abort() {
      stream.destroy();
    },
  };
}

function drained(stream: Writable, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done);
      gone.removeEventListener("abort", done);
      resolve();
    };
    stream.once("drain", done);
    gone.addEventListener("abort", done, { once: true });
  });
}

function streamSink(headers: { readonly [name: string]: string }): Sink {
  const gone = new AbortController();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let pulled: (() => void) | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own;
    },
    pull() {
      pulled?.();
      pulled = undefined;
    },
    cancel() {
      gone.abort();
      pulled?.();
    },
  });
  return {
    closed: gone.signal,
    reply: { status: 200, headers, body },
    async write(chunk) {
      if (gone.signal.aborted) return;
      controller?.enqueue(chunk);
      if ((controller?.desiredSize ?? 1) > 0) return;
      await new Promise<void>((resolve) => {
        pulled = resolve;
      });
    },
    end() {
      if (!gone.signal.aborted) controller?.close();
      gone.abort();
    },
    abort() {
      controller?.error(new Error("the answer was cut off"));
      gone.abort();
    },
  };
}

/**
 * A reply becomes one HTTP response: status line, headers, and a body that leaves whole, or in parts when it is large.
 */
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Clock } from "../api/clock.ts";
import { PART_BYTES } from "../registry/encoded.ts";
import type { Call } from "./call.ts";
import { partRooms } from "./part-rooms.ts";
import type { Message, Reply } from "./reply.ts";
import { isWhole, whole } from "./reply.ts";
import { streamOf } from "./sink.ts";
import { warningHeaders } from "./warnings.ts";

/** What was asked, and where the answer goes. */
export interface Answered {
  /** of the audit */
  readonly id: string;
  readonly method: string;
  readonly outgoing: Call["outgoing"];
  readonly clock: Clock;
  readonly warnings: readonly string[];
  /** headers beside those of the reply */
  readonly more?: { readonly [name: string]: string } | undefined;
}

/** Writes to the connection itself where there is one: a Response in between costs more than the rest of a small GET. */
export function respond(reply: Reply, { id, method, outgoing, clock, warnings, more }: Answered): Response {
  if (reply === "streamed") return RESPONSE_ALREADY_SENT;
  const { status } = reply;
  const body = method === "HEAD" && status >= 400 ? null : reply.body;
  const headers = { ...headersOf(reply, id, warnings), ...more };
  if (outgoing === undefined || body instanceof ReadableStream) {
    const sent = body === null || body instanceof ReadableStream ? body : whole(body);
    const lines = Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value): [string, string] => [name, value]));
    return new Response(sent as ConstructorParameters<typeof Response>[0], { status, headers: lines });
  }
  const length = body === null ? 0 : typeof body === "string" ? Buffer.byteLength(body) : body.length;
  if (body !== null) headers["Content-Length"] = String(length);
  if (length > SLOW_BYTES) cutOff(outgoing, clock);
  // two overloads of one method, one for each protocol
  if ("stream" in outgoing) outgoing.writeHead(status, headers);
  else outgoing.writeHead(status, headers);
  if (method === "HEAD" || body === null) outgoing.end();
  // a head that leaves with text takes the text's encoding; the bytes of warnings are encoded already
  else if (length <= PART_BYTES) outgoing.end(warnings.length > 0 ? Buffer.from(whole(body)) : whole(body));
  else sendInParts(outgoing, isWhole(body) ? partsOf(body) : body.parts(rooms.take));
  return RESPONSE_ALREADY_SENT;
}

/** Answers above this do not fit into the buffers of the system: they stay here until the client has taken them. */
const SLOW_BYTES = 256 * 1024;
/** Enough for the largest list over a link of 64 kbit/s; who takes longer has stopped reading. */
const SLOW_MS = 600_000;

const rooms = partRooms();

function sendInParts(outgoing: NonNullable<Call["outgoing"]>, parts: Iterable<Uint8Array>): void {
  const stream = streamOf(outgoing);
  const left = parts[Symbol.iterator]();
  const more = () => {
    while (!stream.destroyed) {
      const next = left.next();
      if (next.done === true) break;
      const part = next.value;
      const sent = (error: Error | null | undefined) => {
        // what broke off may still be read by the system
        if (error === null || error === undefined) rooms.give(part);
      };
      if (stream.write(part, sent)) continue;
      stream.once("drain", more);
      return;
    }
    outgoing.end();
  };
  more();
}

function* partsOf(body: Uint8Array | string): Generator<Uint8Array> {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  for (let at = 0; at < bytes.length; at += PART_BYTES) yield bytes.subarray(at, at + PART_BYTES);
}

function cutOff(outgoing: NonNullable<Call["outgoing"]>, clock: Clock): void {
  const cancel = clock.after(SLOW_MS, () => void outgoing.destroy());
  outgoing.once("close", cancel);
}

function headersOf(reply: Message, id: string, warnings: readonly string[]): { [name: string]: string | string[] } {
  return {
    "Audit-Id": id,
    "Cache-Control": "no-cache, private",
    ...reply.headers,
    ...(warnings.length === 0 ? {} : { Warning: [...warningHeaders(warnings)] }),
  };
}

/**
 * Reading a request body: never more bytes than the limit, whatever Content-Length says, and only once.
 */
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { ApiError } from "../api/status.ts";

/** apiserver's limit of a request body; etcd's is below it. */
export const BODY_BYTES_MAX = 3 * 1024 * 1024;

function tooLarge(): ApiError {
  return new ApiError("RequestEntityTooLarge", `Request entity too large: limit is ${BODY_BYTES_MAX}`);
}

/** The bytes of a body as UTF-8, without a copy of them. */
export function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
}

/** @throws ApiError RequestEntityTooLarge, or BadRequest when the client goes away in the middle */
export async function readBody(source: IncomingMessage | Http2ServerRequest | Request, length: string | undefined): Promise<Uint8Array> {
  if (Number(length) > BODY_BYTES_MAX) throw tooLarge();
  if (source instanceof Request) {
    const bytes = new Uint8Array(await source.arrayBuffer());
    if (bytes.byteLength > BODY_BYTES_MAX) throw tooLarge();
    return bytes;
  }
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (error: Error | undefined) => {
      source.off("data", take);
      source.off("end", end);
      source.off("error", lost);
      source.off("close", lost);
      if (error === undefined) resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size));
      else reject(error);
    };
    const take = (chunk: Buffer) => {
      size += chunk.length;
      if (size > BODY_BYTES_MAX) {
        // the rest is read and thrown away, so that the client gets the answer and not a reset
        source.resume();
        done(tooLarge());
      } else chunks.push(chunk);
    };
    const end = () => done(undefined);
    const lost = () => done(new ApiError("BadRequest", "the request body ended early"));
    source.on("data", take);
    source.on("end", end);
    source.on("error", lost);
    source.on("close", lost);
    if (source.readableEnded) end();
    else if (source.destroyed) lost();
  });
}

/** Frames as a SPDY client writes them. */
import { constants, createDeflate } from "node:zlib";
import { spdyDictionary } from "../../../core/http/streams/spdy.ts";

/** The client's side of header blocks: one zlib stream with the dictionary. */
export function headerWriter() {
  const deflate = createDeflate({ dictionary: spdyDictionary() });
  return async (headers: Record<string, string>): Promise<Buffer> => {
    const texts = Object.entries(headers).flat();
    const count = Buffer.alloc(4);
    count.writeUInt32BE(texts.length / 2);
    const block = [count];
    for (const text of texts) {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(text));
      block.push(length, Buffer.from(text));
    }
    const parts: Buffer[] = [];
    const take = (part: Buffer) => parts.push(part);
    deflate.on("data", take);
    deflate.write(Buffer.concat(block));
    await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, () => resolve()));
    deflate.off("data", take);
    return Buffer.concat(parts);
  };
}

export function spdyFrame(type: number | "data", flags: number, body: Buffer, id = 0): Buffer {
  const head = Buffer.alloc(8);
  if (type === "data") head.writeUInt32BE(id, 0);
  else head.writeUInt32BE((0x80030000 | type) >>> 0, 0);
  head.writeUInt32BE(body.length, 4);
  head.writeUInt8(flags, 4);
  return Buffer.concat([head, body]);
}

export function synStream(id: number, headers: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt32BE(id, 0);
  return spdyFrame(1, flags, Buffer.concat([head, headers]));
}

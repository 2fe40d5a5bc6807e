import fc from "fast-check";
import test from "ava";
import { SpdyConnection } from "../../core/http/streams/spdy.ts";
import type { SpdyStream } from "../../core/http/streams/spdy.ts";
import { headerWriter, spdyFrame, synStream } from "./support/spdy-client.ts";

const text = async (stream: SpdyStream) => {
  let all = "";
  for await (const part of stream.data) all += Buffer.from(part).toString();
  return all;
};

function collect() {
  const sent: Buffer[] = [];
  const streams: SpdyStream[] = [];
  const connection = new SpdyConnection({ send: async (bytes) => void sent.push(Buffer.from(bytes)), onStream: (stream) => streams.push(stream) });
  return { sent, streams, connection };
}

test("streams open with their headers and carry bytes both ways, however the bytes are cut", async (t) => {
  const write = headerWriter();
  const bytes = Buffer.concat([
    synStream(1, await write({ streamtype: "error", port: "80", requestid: "0" }), 1),
    synStream(3, await write({ streamtype: "data", port: "80", requestid: "0" })),
    spdyFrame("data", 0, Buffer.from("hello "), 3),
    spdyFrame(6, 0, Buffer.from([0, 0, 0, 1])),
    spdyFrame("data", 1, Buffer.from("world"), 3),
  ]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 }), async (cuts) => {
      const { sent, streams, connection } = collect();
      let at = 0;
      for (let index = 0; at < bytes.length; index++) {
        const size = cuts[index % cuts.length] ?? 1;
        await connection.receive(bytes.subarray(at, at + size));
        at += size;
      }
      const [error, data] = streams;
      t.deepEqual([error?.id, error?.headers.get("streamtype"), data?.headers.get("port")], [1, "error", "80"]);
      t.is(data === undefined ? "" : await text(data), "hello world");
      // two replies and the ping
      t.deepEqual(sent.map((each) => each.readUInt16BE(2)), [2, 2, 6]);
      await data?.write(Buffer.from("back"));
      await data?.end();
      t.is(sent.at(-2)?.subarray(8).toString(), "back");
      t.is(sent.at(-1)?.readUInt8(4), 1);
      connection.close();
    }),
    { numRuns: 15 },
  );
});

test("a reset and a lost connection are errors of the streams", async (t) => {
  const write = headerWriter();
  const { streams, connection } = collect();
  await connection.receive(synStream(1, await write({ streamtype: "data" })));
  await connection.receive(synStream(3, await write({ streamtype: "data" })));
  const [first, second] = streams;
  if (first === undefined || second === undefined) return t.fail();
  await connection.receive(spdyFrame(3, 0, Buffer.from([0, 0, 0, 1, 0, 0, 0, 5])));
  await t.throwsAsync(text(first), { message: /reset/ });
  connection.close();
  await t.throwsAsync(text(second), { message: /closed/ });
});

test("even, repeated and too many streams are refused; foreign bytes end the connection", async (t) => {
  const write = headerWriter();
  const { sent, streams, connection } = collect();
  await connection.receive(synStream(2, await write({})));
  await connection.receive(synStream(1, await write({})));
  await connection.receive(synStream(1, await write({})));
  t.is(streams.length, 1);
  t.deepEqual(sent.map((each) => each.readUInt16BE(2)), [3, 2, 3]);
  await t.throwsAsync(connection.receive(Buffer.from("\u0080GET / HTTP/1.1\r\n", "latin1")), { message: /SPDY/ });
});

test("headers that inflate without end are refused", async (t) => {
  const write = headerWriter();
  const { connection } = collect();
  const bomb = await write({ a: "x".repeat(1 << 20) });
  await t.throwsAsync(connection.receive(synStream(1, bomb)), { message: /too large/ });
});

test("any bytes end in an error or in nothing", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (noise, framed) => {
      const { connection } = collect();
      const bytes = framed ? spdyFrame(1, 0, Buffer.from(noise)) : Buffer.from(noise);
      await connection.receive(bytes).catch((error: unknown) => t.true(error instanceof Error));
      connection.close();
    }),
    { numRuns: 100 },
  );
});

import test from "ava";
import { systemEntropy } from "../../core/api/entropy.ts";
import { silentLog } from "../../core/api/log.ts";
import { ApiError, badRequest } from "../../core/api/status.ts";
import { CHANNEL } from "../../core/api/streams.ts";
import type { DeviceStream, StreamRequest } from "../../core/api/streams.ts";
import { hubStreams } from "../../core/hub/streams.ts";
import { acceptStreams } from "../../core/wire/accept-streams.ts";
import { memoryNetwork } from "../../core/wire/memory-link.ts";
import type { Faults } from "../../core/wire/memory-link.ts";
import { FRAME_BYTES, WINDOW_BYTES } from "../../core/wire/stream-frames.ts";
import { MAX_STREAMS } from "../../core/wire/stream-mux.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const exec: StreamRequest = { type: "exec", namespace: "default", pod: "web", uid: "u", container: "c", command: ["sh"], stdin: true, stdout: true, stderr: true, tty: false };

async function stage(handler: (request: StreamRequest, stream: DeviceStream) => void | Promise<void>, faults: Faults = {}) {
  const clock = virtualClock();
  const network = memoryNetwork({ clock, entropy: systemEntropy, faults });
  const streams = hubStreams({ link: network.hub, clock, entropy: systemEntropy, log: silentLog });
  acceptStreams(network.device("dev"), (request) => async (stream) => handler(request, stream));
  await clock.advance(2_000);
  const opening = async (request: StreamRequest = exec, signal = new AbortController().signal) => {
    const stream = streams.open("dev", request, signal);
    stream.catch(() => {});
    await clock.advance(100);
    return stream;
  };
  return { clock, network, streams, opening };
}

async function read(stream: DeviceStream): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const frame of stream.frames) parts.push(frame.data);
  return Buffer.concat(parts);
}

const bytes = (length: number) => Buffer.from(Uint8Array.from({ length }, (_, index) => index % 253));

test("what goes in comes out, in both directions, across many windows", async (t) => {
  const { clock, opening } = await stage(async (request, stream) => {
    t.deepEqual(request, exec);
    for await (const frame of stream.frames) {
      await stream.send({ channel: CHANNEL.stdout, data: frame.data });
      if (frame.end) break;
    }
    stream.close();
  });
  const stream = await opening();
  const sent = bytes(5 * WINDOW_BYTES + 17);
  const sending = stream.send({ channel: CHANNEL.stdin, data: sent, end: true });
  const reading = read(stream);
  await clock.advance(5_000);
  await sending;
  t.is(Buffer.compare(await reading, sent), 0);
});

test("a reader that stops holds its sender, and only as much as a window is on its way", async (t) => {
  let accepted = 0;
  const { clock, network, opening } = await stage(async (_request, stream) => {
    for (let round = 0; round < 100; round++) {
      await stream.send({ channel: CHANNEL.stdout, data: bytes(FRAME_BYTES) });
      accepted++;
    }
    stream.close();
  });
  const stream = await opening();
  await clock.advance(60_000);
  t.is(accepted, WINDOW_BYTES / FRAME_BYTES - 1);
  t.true(network.counters.upBytes <= WINDOW_BYTES + 1_000);
  const reading = read(stream);
  await clock.advance(5_000);
  t.is((await reading).length, 100 * FRAME_BYTES);
});

test("the end of a channel and the error of a device arrive", async (t) => {
  const { clock, opening } = await stage(async (_request, stream) => {
    await stream.send({ channel: CHANNEL.stderr, data: Buffer.from("almost"), end: true });
    throw badRequest("container c is not running");
  });
  const stream = await opening();
  await clock.advance(100);
  const iterator = stream.frames[Symbol.asyncIterator]();
  const first = await iterator.next();
  t.deepEqual([first.value?.channel, first.value?.end, Buffer.from(first.value?.data ?? []).toString()], [CHANNEL.stderr, true, "almost"]);
  await t.throwsAsync(iterator.next(), { instanceOf: ApiError, message: "container c is not running" });
});

test("a device that is not there is said to be so", async (t) => {
  const { clock, network, streams } = await stage(() => {});
  await t.throwsAsync(streams.open("nobody", exec, new AbortController().signal), { instanceOf: ApiError, message: /cannot be reached/ });
  network.partition(true, "dev");
  const silent = t.throwsAsync(streams.open("dev", exec, new AbortController().signal), { message: /does not answer/ });
  await clock.advance(20_000);
  await silent;
});

test("streams end on both sides when the connection does", async (t) => {
  const failed: string[] = [];
  const { clock, network, opening } = await stage(async (_request, stream) => {
    await read(stream).catch((error: Error) => failed.push(error.message));
  });
  const stream = await opening();
  const reading = t.throwsAsync(read(stream), { message: /lost its connection/ });
  network.reset("dev");
  await clock.advance(100);
  await reading;
  t.deepEqual(failed, ["the connection to the server was lost"]);
});

test("a client that goes away ends the device's stream", async (t) => {
  const failed: string[] = [];
  const { clock, opening } = await stage(async (_request, stream) => {
    await read(stream).catch((error: Error) => failed.push(error.message));
  });
  const gone = new AbortController();
  await opening(exec, gone.signal);
  gone.abort();
  await clock.advance(100);
  t.deepEqual(failed, ["the client went away"]);
});

test("a lost or reordered frame resets the stream, data is never wrong", async (t) => {
  const sent = bytes(40 * FRAME_BYTES);
  for (const faults of [{ loss: 0.1 }, { reorder: 0.3, delay: { from: 1, to: 50 } }, { duplicate: 0.2 }]) {
    const { clock, network, opening } = await stage(async (_request, stream) => {
      await stream.send({ channel: CHANNEL.stdout, data: sent });
      stream.close();
    });
    const stream = await opening();
    network.faults(faults);
    const parts: Uint8Array[] = [];
    const reading = (async () => {
      for await (const frame of stream.frames) parts.push(frame.data);
    })();
    const outcome = reading.then(() => "whole", (error: Error) => error.message);
    await clock.advance(30_000);
    network.reset("dev");
    await clock.advance(100);
    const got = Buffer.concat(parts);
    t.is(Buffer.compare(got, sent.subarray(0, got.length)), 0);
    const result = await outcome;
    t.true(result === "whole" ? got.length === sent.length : result.length > 0);
  }
});

test("streams of one device are bounded, and room comes back", async (t) => {
  const { clock, opening, streams } = await stage(async (_request, stream) => void (await read(stream)));
  const open: DeviceStream[] = [];
  for (let count = 0; count < MAX_STREAMS; count++) open.push(await opening());
  await t.throwsAsync(streams.open("dev", exec, new AbortController().signal), { message: /64 streams/ });
  open[0]?.close();
  await clock.advance(100);
  await t.notThrowsAsync(opening());
});

test("a stream that the device cannot serve is refused before it is open, in its words", async (t) => {
  const clock = virtualClock();
  const network = memoryNetwork({ clock, entropy: systemEntropy, faults: {} });
  const streams = hubStreams({ link: network.hub, clock, entropy: systemEntropy, log: silentLog });
  acceptStreams(network.device("dev"), () => {
    throw new ApiError("InternalError", 'container not found ("c")');
  });
  await clock.advance(2_000);
  const opening = streams.open("dev", exec, new AbortController().signal);
  const refused = t.throwsAsync(opening, { instanceOf: ApiError, message: 'container not found ("c")' });
  await clock.advance(100);
  await refused;
});

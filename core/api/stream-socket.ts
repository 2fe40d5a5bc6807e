/**
 * A device stream as a Node stream, so that HTTP can be spoken over it: data of both directions is channel 1, as in a
 * port-forward. An error of the device destroys the socket with its text.
 */
import { Duplex } from "node:stream";
import { ApiError } from "./status.ts";
import { CHANNEL, type DeviceStream } from "./streams.ts";

export function streamSocket(stream: DeviceStream): Duplex {
  const frames = stream.frames[Symbol.asyncIterator]();
  let reading = false;
  let ended = false;

  const pull = async (socket: Duplex): Promise<void> => {
    if (reading || ended) return;
    reading = true;
    try {
      for (;;) {
        const next = await frames.next();
        if (next.done === true) return finish(socket);
        const { channel, data, end } = next.value;
        if (channel === CHANNEL.error && data.length > 0) throw new ApiError("ServiceUnavailable", Buffer.from(data).toString());
        if (channel !== CHANNEL.stdout) continue;
        const more = data.length === 0 || socket.push(data);
        if (end === true) return finish(socket);
        if (!more) return;
      }
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
    } finally {
      reading = false;
    }
  };
  const finish = (socket: Duplex) => {
    ended = true;
    socket.push(null);
  };

  return new Duplex({
    allowHalfOpen: true,
    read() {
      void pull(this);
    },
    write(chunk: Buffer, _encoding, done) {
      void tell(stream.send({ channel: CHANNEL.stdout, data: chunk }), done);
    },
    final(done) {
      // the other side may have left before its last word
      void tell(stream.send({ channel: CHANNEL.stdout, data: new Uint8Array(0), end: true }), () => done());
    },
    destroy(error, done) {
      stream.close(error ?? undefined);
      done(error);
    },
  });
}

async function tell(sent: Promise<void>, done: (error?: Error | null) => void): Promise<void> {
  try {
    await sent;
  } catch (error) {
    return done(error instanceof Error ? error : new Error(String(error)));
  }
  done();
}

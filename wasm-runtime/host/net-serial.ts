/** A serial port in the network's thread: an opened terminal as a stream that does not block. */
import { closeSync } from "node:fs";
import { ReadStream } from "node:tty";
import { WINDOW_BYTES } from "./net-messages.ts";
import type { Handle, Say } from "./net-thread.ts";

/** @param fd the port, with its settings made; closed here */
export function openSerial(id: number, fd: number, say: Say): Handle {
  // it reads and writes: options go to node:net's Socket
  const port = new ReadStream(fd, { readable: true, writable: true });
  let waiting = 0;
  port.on("data", (bytes: Buffer) => {
    waiting += bytes.length;
    if (waiting >= WINDOW_BYTES) port.pause();
    say({ id, is: "data", bytes });
  });
  port.once("end", () => say({ id, is: "end" }));
  port.on("error", (error) => say({ id, is: "failed", code: String((error as NodeJS.ErrnoException).code ?? "EIO"), message: error.message }));
  return {
    write: (bytes) => void port.write(bytes, (error) => (error ? undefined : say({ id, is: "left", bytes: bytes.length }))),
    taken(bytes) {
      waiting -= bytes;
      if (waiting < WINDOW_BYTES / 2) port.resume();
    },
    close() {
      // libuv has opened the terminal anew for itself
      port.once("close", () => closeSync(fd));
      port.destroySoon();
    },
  };
}

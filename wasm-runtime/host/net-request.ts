/** One outgoing HTTP request in the network's thread: to the addresses that were allowed, with the guest's time limits. */
import { request as plainRequest } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { LookupFunction } from "node:net";
import { WINDOW_BYTES } from "./net-messages.ts";
import type { RequestHead } from "./net-messages.ts";
import type { Handle, Say } from "./net-thread.ts";

/** @param localAddress to send from; undefined: the system chooses */
export function openRequest(id: number, head: RequestHead, say: Say, localAddress?: string): Handle {
  let response: IncomingMessage | undefined;
  let waiting = 0;
  let over = false;
  const fail = (code: string, message: string) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    say({ id, is: "failed", code, message });
    call.destroy();
  };
  // node:https takes 5 ms to load; process.getBuiltinModule keeps it out of requests that do not need it
  const open = head.secure ? process.getBuiltinModule("node:https").request : plainRequest;
  const call: ClientRequest = open({
    host: head.host,
    port: head.port,
    method: head.method,
    path: head.path,
    headers: [...head.headers],
    agent: false,
    lookup: only(head.addresses),
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(head.secure && isIP(head.host) === 0 ? { servername: head.host } : {}),
  });
  let timer = setTimeout(() => fail("ETIMEDOUT", "no connection in time"), head.connectMs);
  call.once("socket", (socket) => {
    socket.once(head.secure ? "secureConnect" : "connect", () => {
      clearTimeout(timer);
      if (!over) timer = setTimeout(() => fail("FIRST_BYTE_TIMEOUT", "no answer in time"), head.firstByteMs);
    });
  });
  call.on("error", (error) => fail(String((error as NodeJS.ErrnoException).code ?? "EIO"), error.message));
  // a connection that was upgraded is no answer to a request
  call.on("upgrade", (_response, socket) => {
    socket.destroy();
    fail("HPE_UPGRADE", "the server changed the protocol");
  });
  call.once("response", (message) => {
    response = message;
    clearTimeout(timer);
    say({ id, is: "response", status: message.statusCode ?? 0, headers: message.rawHeaders });
    message.setTimeout(head.betweenBytesMs, () => fail("BETWEEN_BYTES_TIMEOUT", "the answer stopped"));
    message.on("data", (bytes: Buffer) => {
      waiting += bytes.length;
      if (waiting >= WINDOW_BYTES) message.pause();
      say({ id, is: "data", bytes });
    });
    message.once("end", () => {
      over = true;
      say({ id, is: "end" });
    });
    message.once("error", (error) => fail(String((error as NodeJS.ErrnoException).code ?? "EIO"), error.message));
  });
  return {
    write: (bytes) => void call.write(bytes, (error) => (error ? undefined : say({ id, is: "left", bytes: bytes.length }))),
    end: () => void call.end(),
    taken(bytes) {
      waiting -= bytes;
      if (waiting < WINDOW_BYTES / 2) response?.resume();
    },
    close() {
      over = true;
      clearTimeout(timer);
      call.destroy();
    },
  };
}

/** The name was resolved and judged before: resolving it again could give something else. */
function only(addresses: readonly string[]): LookupFunction {
  return (_host, options, callback) => {
    const all = addresses.map((address) => ({ address, family: isIP(address) }));
    const [first] = all;
    if (first === undefined) callback(Object.assign(new Error("no address is allowed"), { code: "ENOTFOUND" }), "", 0);
    else if (options.all === true) callback(null, all);
    else callback(null, first.address, first.family);
  };
}

/**
 * wasi:sockets 0.2, denied: it links, because wasi-libc imports it whether the program uses it or not, and every way to a
 * socket answers `access-denied`. No socket can exist, so the methods on sockets are never reached.
 */
import { Failure } from "./io.ts";

class Network {
  readonly granted = false;
}
class TcpSocket {
  readonly granted = false;
}
class UdpSocket {
  readonly granted = false;
}
class IncomingDatagramStream {
  readonly granted = false;
}
class OutgoingDatagramStream {
  readonly granted = false;
}
class ResolveAddressStream {
  readonly granted = false;
}

const denied = new Failure("access-denied");
function deny(): never {
  throw denied;
}

/** Told once per kind, so that a user learns from the pod's log why a program has no network. */
export type Refused = (what: string) => void;

/** Every method of a resource that no guest can own. */
function closeOff(resource: { readonly prototype: object }, methods: readonly string[]): void {
  for (const method of methods) Object.defineProperty(resource.prototype, method, { value: deny });
}

closeOff(TcpSocket, [
  "startBind", "finishBind", "startConnect", "finishConnect", "startListen", "finishListen", "accept", "localAddress", "remoteAddress",
  "isListening", "addressFamily", "setListenBacklogSize", "keepAliveEnabled", "setKeepAliveEnabled", "keepAliveIdleTime",
  "setKeepAliveIdleTime", "keepAliveInterval", "setKeepAliveInterval", "keepAliveCount", "setKeepAliveCount", "hopLimit",
  "setHopLimit", "receiveBufferSize", "setReceiveBufferSize", "sendBufferSize", "setSendBufferSize", "subscribe", "shutdown",
]);
closeOff(UdpSocket, [
  "startBind", "finishBind", "stream", "localAddress", "remoteAddress", "addressFamily", "unicastHopLimit", "setUnicastHopLimit",
  "receiveBufferSize", "setReceiveBufferSize", "sendBufferSize", "setSendBufferSize", "subscribe",
]);
closeOff(IncomingDatagramStream, ["receive", "subscribe"]);
closeOff(OutgoingDatagramStream, ["checkSend", "send", "subscribe"]);
closeOff(ResolveAddressStream, ["resolveNextAddress", "subscribe"]);

export function sockets(refused: Refused) {
  const refuse = (what: string) => (): never => {
    refused(what);
    return deny();
  };
  return {
    network: { Network, networkErrorCode: () => undefined },
    instanceNetwork: { Network, instanceNetwork: () => new Network() },
    ipNameLookup: { ResolveAddressStream, resolveAddresses: refuse("wasi:sockets/ip-name-lookup") },
    tcp: { TcpSocket },
    tcpCreateSocket: { TcpSocket, createTcpSocket: refuse("wasi:sockets/tcp") },
    udp: { UdpSocket, IncomingDatagramStream, OutgoingDatagramStream },
    udpCreateSocket: { UdpSocket, createUdpSocket: refuse("wasi:sockets/udp") },
  };
}

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

export const sockets = {
  network: { Network, networkErrorCode: () => undefined },
  instanceNetwork: { Network, instanceNetwork: () => new Network() },
  ipNameLookup: { ResolveAddressStream, resolveAddresses: deny },
  tcp: { TcpSocket },
  tcpCreateSocket: { TcpSocket, createTcpSocket: deny },
  udp: { UdpSocket, IncomingDatagramStream, OutgoingDatagramStream },
  udpCreateSocket: { UdpSocket, createUdpSocket: deny },
};

/**
 * wasi:sockets 0.2: only what the pod was granted. It always links, because wasi-libc imports it whether the program uses it
 * or not; without a grant no socket can be made, and the log says once which capability was missing.
 */
import { Failure } from "./io.ts";
import type { Net } from "./net.ts";
import type { Listening, Outbound } from "./endpoints.ts";
import { familyOf, Network } from "./socket-addresses.ts";
import type { Family } from "./socket-addresses.ts";
import { ResolveAddressStream } from "./name-lookup.ts";
import { TcpSocket } from "./tcp.ts";
import { IncomingDatagramStream, OutgoingDatagramStream, UdpSocket } from "./udp.ts";

export interface Granted {
  readonly net: Net;
  readonly outbound: Outbound;
  readonly listening: Listening;
  /** the pod's own addresses: what "any address" means when listening */
  readonly addresses: readonly string[];
  /** told once per kind, so that a user learns from the pod's log why a program has no network */
  readonly refused: (what: string) => void;
}

/** @param granted undefined: the pod has no network */
export function sockets(granted: Granted | undefined, refused: (what: string) => void) {
  const given = (what: string): Granted => {
    if (granted !== undefined) return granted;
    refused(what);
    throw new Failure("access-denied");
  };
  return {
    network: { Network, networkErrorCode: (error: { readonly code?: string }) => error.code },
    instanceNetwork: { Network, instanceNetwork: () => new Network() },
    ipNameLookup: {
      ResolveAddressStream,
      resolveAddresses: (_network: Network, name: string) => ResolveAddressStream.of(given("wasi:sockets/ip-name-lookup"), name),
    },
    tcp: { TcpSocket },
    tcpCreateSocket: { TcpSocket, createTcpSocket: (family: Family) => TcpSocket.of(given("wasi:sockets/tcp"), familyOf(family)) },
    udp: { UdpSocket, IncomingDatagramStream, OutgoingDatagramStream },
    udpCreateSocket: { UdpSocket, createUdpSocket: (family: Family) => UdpSocket.of(given("wasi:sockets/udp"), familyOf(family)) },
  };
}

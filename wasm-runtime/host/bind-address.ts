import { Failure } from "./io.ts";
import type { Peer } from "./net-messages.ts";
import type { Family, IpSocketAddress } from "./socket-addresses.ts";
import { addressesOf, isAny, isMapped, peerOf } from "./socket-addresses.ts";
import type { Granted } from "./sockets.ts";

/**
 * Where a socket of a component may stand: one of the pod's own addresses, and a port that it was granted.
 * With "any address" it is the pod's own address where others should find it (a port was named), and any address to send
 * from (port 0), since the way out depends on the target.
 * @throws Failure wasi:sockets error-code: invalid-argument, address-not-bindable, access-denied
 */
export function bindAddress(protocol: "tcp" | "udp", granted: Granted, family: Family, address: IpSocketAddress): Peer {
  if (address.tag !== family || isMapped(address)) throw new Failure("invalid-argument");
  const { host, port } = peerOf(address);
  const own = addressesOf(granted.addresses, family);
  if (!isAny(address) && !own.includes(host)) throw new Failure("address-not-bindable");
  if (port !== 0 && !granted.listening.allows(protocol, port)) {
    granted.refused(`listening on ${protocol.toUpperCase()} port ${port}`);
    throw new Failure("access-denied");
  }
  return { host: isAny(address) && port !== 0 ? (own[0] ?? host) : host, port };
}

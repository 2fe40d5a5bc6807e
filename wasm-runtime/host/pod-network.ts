/**
 * Where a pod stands in its cluster's network: the address it sends from, what Services are called, and, on a device whose
 * kernel does not carry Services, where their addresses lead. The names are in a file that the agent keeps, so that they
 * change while the component runs. What was asked for was granted before, by name and address as the guest knows them.
 */
import { readFileSync, statSync } from "node:fs";
import { isIP, isIPv4 } from "node:net";
import type { Peer, RequestHead } from "./net-messages.ts";

/** What the agent says of it at the start. */
export interface PodPlace {
  /** absent: the system chooses */
  readonly source?: string;
  /** short names are looked for here first */
  readonly namespace: string;
  /** file of a ServiceDirectory */
  readonly services: string;
}

export interface ServiceDirectory {
  /** "cluster.local" */
  readonly domain: string;
  /** "cart.shop", "db-0.db.shop" → addresses, or the name of something outside */
  readonly names: { readonly [name: string]: readonly string[] | string };
  /** "10.96.0.5:80/tcp" → "10.42.0.130:8080", …; only where the kernel does not do it */
  readonly leads: { readonly [address: string]: readonly string[] };
}

export interface PodNetwork {
  /** addresses, or the name to look up in its place; undefined: the name is nobody's in the cluster */
  find(name: string): readonly string[] | string | undefined;
  /** where a connection really goes */
  lead(to: Peer, protocol: "tcp" | "udp"): Peer;
  /** undefined: the system chooses. @throws Error with a code when the pod has no address of this family */
  sourceFor(host: string): string | undefined;
  /** what the pod can reach of what a name stands for */
  usable(addresses: readonly string[]): readonly string[];
}

const nothing: ServiceDirectory = { domain: "cluster.local", names: {}, leads: {} };

export function podNetwork(place: PodPlace | undefined, random: () => number = Math.random): PodNetwork {
  let read: { readonly version: string; readonly directory: ServiceDirectory } | undefined;
  const source = place?.source;

  const directory = (): ServiceDirectory => {
    if (place === undefined) return nothing;
    try {
      const { mtimeNs, ino } = statSync(place.services, { bigint: true });
      const version = `${mtimeNs} ${ino}`;
      if (read?.version !== version) read = { version, directory: JSON.parse(readFileSync(place.services, "utf8")) as ServiceDirectory };
    } catch {
      // an agent that has not written it yet; what was read before still holds
    }
    return read?.directory ?? nothing;
  };

  return {
    find(name) {
      const { domain, names } = directory();
      for (const key of keysOf(name, domain, place?.namespace ?? "")) if (Object.hasOwn(names, key)) return names[key];
      return undefined;
    },
    lead(to, protocol) {
      const targets = directory().leads[`${to.host}:${to.port}/${protocol}`] ?? [];
      const [, host, port] = /^(.*):(\d+)$/.exec(targets[Math.floor(random() * targets.length)] ?? "") ?? [];
      return host === undefined ? to : { host, port: Number(port) };
    },
    sourceFor(host) {
      if (source === undefined) return undefined;
      if (isIPv4(source) !== isIPv4(host)) throw Object.assign(new Error(`the pod has no address to reach ${host} from`), { code: "ENETUNREACH" });
      return source;
    },
    usable: (addresses) => (source === undefined ? addresses : addresses.filter((address) => isIPv4(address) === isIPv4(source))),
  };
}

/** As a resolver with the cluster's search domains: relative to the namespace first, then as it is. */
function keysOf(given: string, domain: string, namespace: string): readonly string[] {
  const name = given.toLowerCase();
  // RFC 6761 6.3; in a container /etc/hosts says it
  if (/^localhost\.?$/.test(name)) return [];
  const absolute = name.endsWith(".");
  const bare = absolute ? name.slice(0, -1) : name;
  for (const suffix of [`.svc.${domain}`, ".svc"]) if (bare.endsWith(suffix)) return [bare.slice(0, -suffix.length)];
  return absolute ? [] : [`${bare}.${namespace}`, bare];
}

/** A request to where its first address leads. */
export function ledRequest(network: PodNetwork, head: RequestHead): RequestHead {
  const addresses = network.usable(isIP(head.host) === 0 ? head.addresses : [head.host]);
  const [host] = addresses;
  if (host === undefined) return { ...head, addresses };
  const to = network.lead({ host, port: head.port }, "tcp");
  if (to.host === host && to.port === head.port) return { ...head, addresses };
  return { ...head, host: isIP(head.host) === 0 ? head.host : to.host, port: to.port, addresses: [to.host] };
}

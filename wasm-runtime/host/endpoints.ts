/**
 * Where a component may connect to, as its pod's annotation says it: "api.example.com:443, *.example.com:443, 10.0.0.0/8:*".
 * Pure. A grant names either names or addresses: a name that nobody granted is not even looked up, because a look-up already
 * carries data out; and what a granted name leads to is not taken for a grant of this machine's own addresses.
 */
import { BlockList, isIP, isIPv4 } from "node:net";

export interface Endpoint {
  readonly port: number | "any";
  readonly matches: { readonly kind: "name"; readonly name: string } | { readonly kind: "suffix"; readonly suffix: string } | { readonly kind: "every" } | { readonly kind: "addresses"; readonly list: BlockList };
}

/** An annotation has room for more, a person's attention has not. */
const MAX_ENDPOINTS = 256;
/** RFC 1035 2.3.4 */
const NAME = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** @throws Error that names the entry and says how it must look */
export function parseEndpoints(text: string): Endpoint[] {
  const entries = text.split(",").map((one) => one.trim()).filter((one) => one !== "");
  if (entries.length > MAX_ENDPOINTS) throw new Error(`${entries.length} endpoints, at most ${MAX_ENDPOINTS} are understood`);
  return entries.map(parseEndpoint);
}

function parseEndpoint(entry: string): Endpoint {
  const wrong = (why: string) => new Error(`"${entry}" is not an endpoint: ${why}; write HOST:PORT, for example api.example.com:443, *.example.com:443, 10.0.0.0/8:* or [2001:db8::]/32:53`);
  const match = /^(?:\[([^\]]+)\](\/\d+)?|([^:[\]]+)):(\*|\d{1,5})$/.exec(entry);
  if (match === null) throw wrong("host and port are needed");
  const host = (match[1] === undefined ? (match[3] ?? "") : `${match[1]}${match[2] ?? ""}`).toLowerCase();
  const port = match[4] === "*" ? "any" : Number(match[4]);
  if (port !== "any" && (port < 1 || port > 65535)) throw wrong("a port is 1 to 65535, or *");
  if (host === "*") return { port, matches: { kind: "every" } };
  const [address = "", bits] = host.split("/");
  const version = isIP(address);
  if (version !== 0) {
    const width = version === 4 ? 32 : 128;
    const prefix = bits === undefined ? width : Number(bits);
    // Number("") is 0, which would be every address
    if ((bits !== undefined && !/^\d{1,3}$/.test(bits)) || prefix > width) throw wrong(`a prefix has 0 to ${width} bits`);
    const list = new BlockList();
    list.addSubnet(address, prefix, version === 4 ? "ipv4" : "ipv6");
    return { port, matches: { kind: "addresses", list } };
  }
  const suffix = host.startsWith("*.") ? host.slice(1) : undefined;
  if (!NAME.test(suffix === undefined ? host : suffix.slice(1)) || bits !== undefined) throw wrong("the host is neither a name nor an address");
  return { port, matches: suffix === undefined ? { kind: "name", name: host } : { kind: "suffix", suffix } };
}

export interface Outbound {
  /** @param port absent: at least one port of it is granted */
  allowsName(name: string, port?: number): boolean;
  /** an address that the guest named itself, or was told for a name that it may reach at that port */
  allowsAddress(address: string, port: number): boolean;
  /** The addresses behind a granted name that may be used for it. They count as granted from here on. */
  resolved(name: string, addresses: readonly string[]): string[];
}

/** Names that a component has looked up, with what they led to; beyond it the oldest is forgotten. */
const MAX_RESOLVED = 1024;

export function outboundOf(endpoints: readonly Endpoint[]): Outbound {
  const learned = new Map<string, string>();
  const fits = (endpoint: Endpoint, port: number | undefined) => port === undefined || endpoint.port === "any" || endpoint.port === port;

  const allowsName = (given: string, port?: number) => {
    const name = canonical(given);
    return endpoints.some((endpoint) => {
      if (!fits(endpoint, port)) return false;
      switch (endpoint.matches.kind) {
        case "name":
          return endpoint.matches.name === name;
        case "suffix":
          return name.endsWith(endpoint.matches.suffix);
        case "every":
          return true;
        case "addresses":
          return false;
      }
    });
  };

  const isGranted = (address: string, port: number | undefined) =>
    endpoints.some((endpoint) => fits(endpoint, port) && endpoint.matches.kind === "addresses" && endpoint.matches.list.check(address, isIPv4(address) ? "ipv4" : "ipv6"));

  return {
    allowsName,
    allowsAddress(given, port) {
      const address = plainAddress(given);
      if (isGranted(address, port)) return true;
      if (isOwn(address)) return learned.get(address) === "localhost" && allowsName("localhost", port);
      const name = learned.get(address);
      return (name !== undefined && allowsName(name, port)) || endpoints.some((endpoint) => endpoint.matches.kind === "every" && fits(endpoint, port));
    },
    resolved(given, addresses) {
      const name = canonical(given);
      const usable = addresses.map(plainAddress).filter((address) => name === "localhost" || isGranted(address, undefined) || !isOwn(address));
      for (const address of usable) {
        learned.delete(address);
        learned.set(address, name);
        if (learned.size > MAX_RESOLVED) learned.delete(learned.keys().next().value ?? "");
      }
      return usable;
    },
  };
}

const canonical = (name: string) => name.toLowerCase().replace(/\.$/, "");

/** "::ffff:10.0.0.1" is 10.0.0.1 on the wire (RFC 4291 2.5.5.2): rules for one must hold for the other. */
export function plainAddress(address: string): string {
  const [bare = ""] = address.split("%");
  const groups = /^(?:0{0,4}:){2,5}ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i.exec(bare);
  if (groups === null) return bare;
  if (groups[1] !== undefined) return groups[1];
  const [high, low] = [Number.parseInt(groups[2] ?? "0", 16), Number.parseInt(groups[3] ?? "0", 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** Addresses of this machine and its link: the agent, its neighbours and metadata services listen there. */
const own = new BlockList();
own.addSubnet("0.0.0.0", 8, "ipv4");
own.addSubnet("127.0.0.0", 8, "ipv4");
own.addSubnet("169.254.0.0", 16, "ipv4");
own.addSubnet("224.0.0.0", 3, "ipv4");
own.addSubnet("::", 127, "ipv6");
own.addSubnet("fe80::", 10, "ipv6");
own.addSubnet("ff00::", 8, "ipv6");

const isOwn = (address: string) => own.check(address, isIPv4(address) ? "ipv4" : "ipv6");

/** Ports that a component may listen on: "tcp:9000, udp:5353". */
export interface Listening {
  allows(protocol: "tcp" | "udp", port: number): boolean;
}

/** @throws Error */
export function parseListening(text: string): Listening {
  const ports = new Set<string>();
  for (const entry of text.split(",").map((one) => one.trim()).filter((one) => one !== "")) {
    const match = /^(?:(tcp|udp):)?(\d{1,5})$/.exec(entry);
    if (match === null || Number(match[2]) < 1 || Number(match[2]) > 65535) throw new Error(`"${entry}" is not a port: write tcp:9000 or udp:5353`);
    ports.add(`${match[1] ?? "tcp"}:${Number(match[2])}`);
  }
  return { allows: (protocol, port) => ports.has(`${protocol}:${port}`) };
}

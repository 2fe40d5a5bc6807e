/** The ports that Services open on every node: a claim per port, in keys of their own. */
import { SERVICES } from "../../api/resources.gen.ts";
import type { Service } from "../../api/types.gen.ts";
import type { Context } from "../context.ts";
import { kindOf } from "../context.ts";
import { keyOf } from "../keys.ts";
import { claims } from "./claims.ts";
import type { Owner } from "./cluster-ips.ts";

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Kubernetes' default range. */
export const NODE_PORTS: PortRange = { first: 30_000, last: 32_767 };
/** Ports at the beginning are left to people as long as the rest lasts (KEP-3668). */
const STATIC_SHARE = 86;

export interface NodePorts {
  take(port: number, owner: Owner, dryRun: boolean): Promise<string | undefined>;
  takeAny(owner: Owner, dryRun: boolean, besides: ReadonlySet<number>): Promise<number | undefined>;
  free(port: number): Promise<void>;
}

interface PortClaim extends Owner {
  readonly at: number;
}

const keyFor = (port: number) => `/registry/ranges/servicenodeports/${port}`;

export function nodePorts(context: Context, range: PortRange): NodePorts {
  const { store, clock, entropy } = context;
  const services = kindOf(context, SERVICES);
  const held = claims(store, clock, ({ key, value }) => {
    const { namespace, name, at } = JSON.parse(Buffer.from(value).toString()) as PortClaim;
    const entry = store.get(keyOf(services, namespace, name));
    if (entry === undefined) return at;
    return portsOf(context.codec(services).decode(entry) as unknown as Service).some((port) => keyFor(port) === key) ? undefined : at;
  });

  const claim = (port: number, { namespace, name }: Owner) =>
    held.take({ key: keyFor(port), value: Buffer.from(JSON.stringify({ namespace, name, at: clock.now() } satisfies PortClaim)) });

  return {
    async take(port, owner, dryRun) {
      if (port < range.first || port > range.last) {
        return `provided port is not in the valid range. The range of valid ports is ${range.first}-${range.last}`;
      }
      const got = dryRun ? !held.taken(keyFor(port)) : await claim(port, owner);
      return got ? undefined : "provided port is already allocated";
    },
    async takeAny(owner, dryRun, besides) {
      for (const port of candidates(range, entropy.fraction())) {
        if (besides.has(port) || held.taken(keyFor(port))) continue;
        if (dryRun || (await claim(port, owner))) return port;
      }
      return undefined;
    },
    free: (port) => held.free(keyFor(port)),
  };
}

function* candidates({ first, last }: PortRange, fraction: number): Generator<number> {
  const dynamic = first + STATIC_SHARE;
  const size = last - dynamic + 1;
  const start = Math.floor(size * fraction);
  for (let step = 0; step < size; step++) yield dynamic + ((start + step) % size);
  for (let port = first; port < dynamic; port++) yield port;
}

/** All ports on nodes that a Service holds. */
export function portsOf({ spec }: Service): readonly number[] {
  const ports = (spec?.ports ?? []).map(({ nodePort = 0 }) => nodePort);
  return [...new Set([...ports, spec?.healthCheckNodePort ?? 0])].filter((port) => port !== 0);
}

/** The addresses of Services: each one that is taken is an IPAddress object, which people can see (KEP-1880). */
import { timestamp } from "../../api/clock.ts";
import { IP_ADDRESSES, SERVICE_CIDRS, SERVICES } from "../../api/resources.gen.ts";
import type { AnyObject } from "../../api/meta.ts";
import type { Service } from "../../api/types.gen.ts";
import type { Context } from "../context.ts";
import { kindOf } from "../context.ts";
import { keyOf, prefixOf } from "../keys.ts";
import { type Cidr, type Family, addressText, contains, familyOf, parseCidr } from "./cidr.ts";
import { claims } from "./claims.ts";

export const TAKEN = "provided IP is already allocated";
const OUTSIDE = "the provided network does not match the current range";
const FULL = "range is full";

export interface Owner {
  readonly namespace: string;
  readonly name: string;
}

export interface ClusterIps {
  /** a text is why not; with `dryRun` nothing is written */
  take(address: string, owner: Owner, dryRun: boolean): Promise<string | undefined>;
  /** undefined: none is left */
  takeAny(family: Family, owner: Owner, dryRun: boolean): Promise<string | undefined>;
  free(address: string): Promise<void>;
  readonly full: string;
}

export function clusterIps(context: Context): ClusterIps {
  const { store, clock, entropy } = context;
  const addresses = kindOf(context, IP_ADDRESSES);
  const services = kindOf(context, SERVICES);
  const ranges = kindOf(context, SERVICE_CIDRS);
  const codec = context.codec(addresses);
  const keyFor = (address: string) => keyOf(addresses, undefined, address);

  const held = claims(store, clock, (entry) => {
    const { metadata, spec } = codec.decode(entry) as AnyObject & { readonly spec?: { readonly parentRef?: Partial<Owner> & { readonly resource?: string } } };
    const { resource, namespace = "", name = "" } = spec?.parentRef ?? {};
    // others hold addresses, too, and only they know for how long
    if (resource !== "services") return undefined;
    const service = store.get(keyOf(services, namespace, name));
    const uses = service !== undefined && ((context.codec(services).decode(service) as unknown as Service).spec?.clusterIPs ?? []).includes(metadata.name ?? "");
    return uses ? undefined : Date.parse(metadata.creationTimestamp ?? "");
  });

  async function cidrs(): Promise<readonly Cidr[]> {
    const { entries } = await store.range(prefixOf(ranges));
    return entries.flatMap((entry) => {
      const { metadata, spec } = context.codec(ranges).decode(entry) as AnyObject & { readonly spec?: { readonly cidrs?: readonly string[] } };
      return metadata.deletionTimestamp === undefined ? (spec?.cidrs ?? []).map(parseCidr) : [];
    });
  }

  function objectFor(address: string, { namespace, name }: Owner): AnyObject {
    return {
      apiVersion: "networking.k8s.io/v1",
      kind: "IPAddress",
      metadata: {
        name: address,
        uid: entropy.uid(),
        creationTimestamp: timestamp(clock.now()),
        labels: { "ipaddress.kubernetes.io/ip-family": familyOf(address), "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io" },
      },
      spec: { parentRef: { group: "", resource: "services", namespace, name } },
    };
  }

  const claim = (address: string, owner: Owner) => held.take({ key: keyFor(address), value: codec.encode(objectFor(address, owner)) });

  return {
    full: FULL,
    async take(address, owner, dryRun) {
      if (!(await cidrs()).some((cidr) => contains(cidr, address))) return OUTSIDE;
      const got = dryRun ? !held.taken(keyFor(address)) : await claim(address, owner);
      return got ? undefined : TAKEN;
    },
    async takeAny(family, owner, dryRun) {
      for (const cidr of await cidrs()) {
        if (cidr.family !== family) continue;
        for (const number of candidates(cidr, entropy.fraction())) {
          const address = addressText(number, family);
          if (held.taken(keyFor(address))) continue;
          if (dryRun || (await claim(address, owner))) return address;
        }
      }
      return undefined;
    },
    free: (address) => held.free(keyFor(address)),
  };
}

/** Bound of one search through a range that is nearly full: all of a /16. */
const SEARCH = 65_536n;

/** From somewhere in the dynamic part to its end, then around, then those that are better left to people. */
export function* candidates({ first, last, dynamic }: Cidr, fraction: number): Generator<bigint> {
  const size = last - dynamic + 1n;
  const start = (size * BigInt(Math.floor(fraction * 1e9))) / 1_000_000_000n;
  for (let step = 0n; step < size && step < SEARCH; step++) yield dynamic + ((start + step) % size);
  for (let number = first; number < dynamic; number++) yield number;
}

/**
 * Keeps the addresses of Services and the IPAddress objects that stand for them together (KEP-1880). The registry writes
 * both with each Service; what is repaired here is what it cannot see: an object that a user deleted or changed, and one
 * that stayed behind because the server ended between the two writes.
 */
import { isIPv6 } from "node:net";
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import { IP_ADDRESSES, SERVICES } from "../api/resources.gen.ts";
import { isReason, unlessGone } from "../api/status.ts";
import type { IPAddress, Service } from "../api/types.gen.ts";
import type { Controller, Outcome } from "../control/control.ts";
import type { SharedInformers } from "../control/informers.ts";
import { watching } from "../control/loop.ts";

const MANAGED_BY = "ipaddress.kubernetes.io/managed-by";
const MANAGER = "ipallocator.k8s.io";
const FAMILY = "ipaddress.kubernetes.io/ip-family";
const BY_ADDRESS = "cluster-ip";
/** An address is taken before its Service is written: one without a Service is left behind only when it is older. */
const GRACE_MS = 60_000;

const addressesOf = ({ spec }: Service): readonly string[] => (spec?.clusterIPs ?? []).filter((address) => address !== "" && address !== "None");

export function ipAddressRepair({ informers, client, clock }: { readonly informers: SharedInformers; readonly client: Client; readonly clock: Pick<Clock, "now"> }): Controller {
  const addresses = informers.of(IP_ADDRESSES);
  const services = informers.of(SERVICES);
  services.addIndex(BY_ADDRESS, addressesOf);

  /** asked, not remembered: an address that is freed with its Service must not come back */
  async function stillUses({ metadata }: Service, address: string): Promise<boolean> {
    try {
      const { namespace, name = "" } = metadata;
      return addressesOf(await client.get(SERVICES, { namespace, name })).includes(address);
    } catch (error) {
      if (isReason(error, "NotFound")) return false;
      throw error;
    }
  }

  async function remove({ metadata }: IPAddress): Promise<void> {
    const { name = "", uid } = metadata;
    await unlessGone(client.delete(IP_ADDRESSES, { name }, uid === undefined ? {} : { preconditions: { uid } }));
  }

  async function reconcile(address: string): Promise<Outcome> {
    const found = addresses.get(address);
    const [service] = services.by(BY_ADDRESS, address);
    if (service === undefined) {
      if (found === undefined || found.metadata.labels?.[MANAGED_BY] !== MANAGER) return undefined;
      const left = Date.parse(found.metadata.creationTimestamp ?? "") + GRACE_MS - clock.now();
      if (left > 0) return { afterMs: left };
      await remove(found);
      return undefined;
    }
    if (found !== undefined && (isOf(found, service) || services.by(BY_ADDRESS, address).some((other) => isOf(found, other)))) return undefined;
    if (!(await stillUses(service, address))) return undefined;
    if (found !== undefined) await remove(found);
    try {
      await client.create(IP_ADDRESSES, objectFor(address, service));
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) throw error;
    }
    return undefined;
  }

  return {
    name: "ip-address-repair",
    watches: [watching(services, addressesOf), watching(addresses, ({ metadata }) => [metadata.name ?? ""])],
    reconcile,
  };
}

function isOf({ spec }: IPAddress, { metadata }: Service): boolean {
  const parent = spec?.parentRef;
  return parent?.resource === "services" && (parent.group ?? "") === "" && parent.namespace === metadata.namespace && parent.name === metadata.name;
}

function objectFor(address: string, { metadata }: Service): IPAddress {
  const { namespace = "", name = "" } = metadata;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "IPAddress",
    metadata: { name: address, labels: { [FAMILY]: isIPv6(address) ? "IPv6" : "IPv4", [MANAGED_BY]: MANAGER } },
    spec: { parentRef: { group: "", resource: "services", namespace, name } },
  };
}

/**
 * Ranges of cluster IPs (KEP-1880): each says that it is ready, and one that is deleted stays until no address of it is
 * in use, unless another range holds these addresses, too.
 */
import { BlockList, isIPv6 } from "node:net";
import { timestamp } from "../api/clock.ts";
import { IP_ADDRESSES, SERVICE_CIDRS } from "../api/resources.gen.ts";
import { unlessGone } from "../api/status.ts";
import type { IPAddress, ServiceCIDR } from "../api/types.gen.ts";
import type { Controller, Outcome } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { Condition } from "./conditions.ts";
import { findCondition } from "./conditions.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";

const FINALIZER = "networking.k8s.io/service-cidr-finalizer";
/** The name that Kubernetes has in the managed fields of these objects. */
const MANAGER = "service-cidr-controller";
/** Another server over the same store may not know yet that the range is going, and still hand out an address of it. */
const GRACE_MS = 10_000;

const READY: Condition = { type: "Ready", status: "True", reason: "", message: "Kubernetes Service CIDR is ready" };
const TERMINATING: Condition = {
  type: "Ready",
  status: "False",
  reason: "Terminating",
  message: "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
};

const nameOf = ({ metadata }: ServiceCIDR | IPAddress) => metadata.name ?? "";

export function serviceCidr(deps: ControllerDeps): Controller {
  const { client, events } = actor(deps, "service-cidrs-controller");
  const ranges = deps.informers.of(SERVICE_CIDRS);
  const addresses = deps.informers.of(IP_ADDRESSES);
  const all = () => ranges.list().map(nameOf);
  const going = () => ranges.list().filter(({ metadata }) => metadata.deletionTimestamp !== undefined).map(nameOf);

  function inUse(range: ServiceCIDR): boolean {
    const mine = holds([range]);
    const others = holds(ranges.list().filter(({ metadata }) => metadata.uid !== range.metadata.uid && metadata.deletionTimestamp === undefined));
    return addresses.list().some((address) => mine(nameOf(address)) && !others(nameOf(address)));
  }

  async function write(range: ServiceCIDR, condition: Condition): Promise<void> {
    const known = findCondition(range.status?.conditions as readonly Condition[] | undefined, condition.type);
    if (known?.status === condition.status && known.message === condition.message) return;
    const conditions = [{ ...condition, lastTransitionTime: timestamp(deps.clock.now()) }];
    const object = { apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: nameOf(range) }, status: { conditions } };
    await client.patch(SERVICE_CIDRS, { name: nameOf(range), subresource: "status" }, { type: "apply", object, force: true }, { fieldManager: MANAGER });
  }

  async function withFinalizer(range: ServiceCIDR, wanted: boolean): Promise<void> {
    const { finalizers = [], uid, resourceVersion } = range.metadata;
    if (finalizers.includes(FINALIZER) === wanted) return;
    const next = wanted ? [...finalizers, FINALIZER] : finalizers.filter((each) => each !== FINALIZER);
    await client.patch(SERVICE_CIDRS, { name: nameOf(range) }, { type: "merge", patch: { metadata: { uid, resourceVersion, finalizers: next } } });
  }

  async function reconcile(name: string): Promise<Outcome> {
    const range = ranges.get(name);
    if (range === undefined) return undefined;
    const { deletionTimestamp } = range.metadata;
    if (deletionTimestamp === undefined) {
      await withFinalizer(range, true);
      await write(range, READY);
      return undefined;
    }
    if (inUse(range)) {
      if (findCondition(range.status?.conditions, READY.type)?.status !== TERMINATING.status) events.record(range, "Warning", "KubernetesServiceCIDRError", TERMINATING.message ?? "");
      await write(range, TERMINATING);
      return undefined;
    }
    const left = Date.parse(deletionTimestamp) + GRACE_MS - deps.clock.now();
    if (left > 0) return { afterMs: left };
    await withFinalizer(range, false);
    return undefined;
  }

  return {
    name: "service-cidr",
    // a range that goes or comes decides for the addresses that it shares with others
    watches: [watching(ranges, (range) => (range.metadata.deletionTimestamp === undefined ? [nameOf(range), ...going()] : all())), watching(addresses, going)],
    reconcile: (name) => unlessGone(reconcile(name)),
  };
}

/** Whether an address lies in one of the ranges. */
function holds(ranges: readonly ServiceCIDR[]): (address: string) => boolean {
  const list = new BlockList();
  for (const { spec } of ranges) {
    for (const cidr of spec?.cidrs ?? []) {
      const [first = "", bits = ""] = cidr.split("/");
      list.addSubnet(first, Number(bits), isIPv6(first) ? "ipv6" : "ipv4");
    }
  }
  return (address) => list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

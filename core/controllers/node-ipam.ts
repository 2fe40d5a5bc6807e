/** Gives each node its own range of pod addresses out of the cluster's (spec.podCIDR). */
import { NODES } from "../api/resources.gen.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";

export interface PodNetwork {
  /** IPv4, "10.42.0.0/16" */
  readonly clusterCidr: string;
  /** prefix length of a node's range */
  readonly nodeMask: number;
}

/** 256 nodes with 254 pods each: both bounds lie above what a small cluster has. */
export const DEFAULT_POD_NETWORK: PodNetwork = { clusterCidr: "10.42.0.0/16", nodeMask: 24 };

/** A fleet may have thousands of nodes more than there are ranges: asking for each of them all the time helps none. */
const FULL_RETRY_MS = 60_000;
/** Events about it: the first nodes that go without a range say enough. */
const EVENTS = 50;

export function nodeIpam(deps: ControllerDeps, network: PodNetwork = DEFAULT_POD_NETWORK): Controller {
  const { client, events } = actor(deps, "node-controller", "cidrAllocator");
  const nodes = deps.informers.of(NODES);
  nodes.addIndex("podCIDR", ({ spec }) => (spec?.podCIDR === undefined || spec.podCIDR === "" ? [] : [spec.podCIDR]));
  /** no range was left: true until a node gives one back, so that the nodes without do not each look at every range */
  let full = false;
  nodes.subscribe((now, old) => {
    if (old?.spec?.podCIDR !== undefined && old.spec.podCIDR !== now?.spec?.podCIDR) full = false;
  });
  /** nodes that were told that there is no range for them */
  const waiting = new Set<string>();
  return {
    name: "node-ipam",
    // one at a time: two must not take the same range
    workers: 1,
    watches: [watching(nodes, ({ metadata, spec }) => (spec?.podCIDR === undefined || spec.podCIDR === "" ? [metadata.name ?? ""] : []))],
    async reconcile(name) {
      const node = nodes.get(name);
      if (node === undefined || node.metadata.deletionTimestamp !== undefined || (node.spec?.podCIDR ?? "") !== "") {
        waiting.delete(name);
        return undefined;
      }
      const cidr = full ? undefined : freeRange(network, (range) => nodes.by("podCIDR", range).length > 0);
      if (cidr === undefined) {
        full = true;
        if (waiting.size === 0) deps.log.warn({ node: name }, `no free pod range in ${network.clusterCidr}: delete unused nodes or widen the cluster's range`);
        if (!waiting.has(name) && waiting.size < EVENTS) events.record(node, "Normal", "CIDRNotAvailable", `Node ${name} status is now: CIDRNotAvailable`);
        waiting.add(name);
        return { afterMs: FULL_RETRY_MS };
      }
      const patch = { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { podCIDR: cidr, podCIDRs: [cidr] } };
      await client.patch(NODES, { name }, { type: "merge", patch });
      return undefined;
    },
  };
}

/** The lowest range that is not taken. @throws Error for a network that is no network */
export function freeRange({ clusterCidr, nodeMask }: PodNetwork, taken: (range: string) => boolean): string | undefined {
  const [address = "", mask = ""] = clusterCidr.split("/");
  const parts = address.split(".").map(Number);
  const bits = Number(mask);
  const isAddress = parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255);
  if (!isAddress || mask === "" || !(bits >= 0 && bits <= nodeMask && nodeMask <= 32)) throw new Error(`"${clusterCidr}" with node ranges of /${nodeMask} is not an IPv4 network`);
  const first = parts.reduce((sum, part) => sum * 256 + part, 0);
  const base = first - (first % 2 ** (32 - bits));
  const size = 2 ** (32 - nodeMask);
  for (let index = 0; index < 2 ** (nodeMask - bits); index++) {
    const start = base + index * size;
    const range = `${[24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256).join(".")}/${nodeMask}`;
    if (!taken(range)) return range;
  }
  return undefined;
}

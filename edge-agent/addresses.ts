/** The device's own addresses: that of the default route first, because it is how others reach it. */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { Clock } from "../core/api/clock.ts";

/** Links that the agent or other container engines made. */
const VIRTUAL = /^(lo|veth|cni|docker|br-|virbr|flannel|cali|kube|lichen)/;

/**
 * Asking the kernel costs milliseconds where there are hundreds of links, and every look at every pod wants to know: what
 * it said holds this long. A node that is told late of a new address is told by its next report, too.
 */
const HOLDS_MS = 10_000;

export function hostAddresses(clock: Clock, read: () => readonly string[] = readAddresses): () => readonly string[] {
  let known: readonly string[] = [];
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock.monotonic();
    if (now - readAt < HOLDS_MS) return known;
    readAt = now;
    known = read();
    return known;
  };
}

function readAddresses(): readonly string[] {
  const preferred = defaultInterface();
  const found = Object.entries(networkInterfaces())
    .filter(([name]) => !VIRTUAL.test(name))
    .toSorted(([a], [b]) => Number(b === preferred) - Number(a === preferred))
    .flatMap(([, addresses = []]) => addresses.filter(({ internal, family }) => !internal && family === "IPv4").map(({ address }) => address));
  const first = found[0];
  return [first ?? "127.0.0.1"];
}

/** proc(5), /proc/net/route: the line whose destination and mask are zero. */
function defaultInterface(): string | undefined {
  try {
    const lines = readFileSync("/proc/net/route", "utf8").split("\n").map((line) => line.split("\t"));
    return lines.find(([, destination, , , , , , mask]) => destination === "00000000" && mask === "00000000")?.[0];
  } catch {
    return undefined;
  }
}

/** The device's own addresses: that of the default route first, because it is how others reach it. */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";

/** Links that the agent or other container engines made. */
const VIRTUAL = /^(lo|veth|cni|docker|br-|virbr|flannel|cali|kube|lichen)/;

export function hostAddresses(): readonly string[] {
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

/**
 * Pods reach the outside under the device's own address: one rule of the packet filter for all of them. CNI's `ipMasq` makes
 * a chain and two rules per pod instead, some eight runs of iptables for each start and end of a pod, one after the other
 * under one lock; and it hides a pod's address from the pods beside it.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Whoever holds the packet filter's lock is waited for this long. */
const LOCK_SECONDS = 10;

/** Adds the rule unless it is there. @throws Error with what iptables says */
export async function masquerade(cidr: string): Promise<void> {
  await iptables("--check", cidr).catch(() => iptables("--append", cidr));
}

/** What is not there needs no removing. */
export async function unmasquerade(cidr: string): Promise<void> {
  await iptables("--delete", cidr).catch(() => {});
}

async function iptables(action: "--check" | "--append" | "--delete", cidr: string): Promise<void> {
  const rule = ["--source", cidr, "!", "--destination", cidr, "--match", "comment", "--comment", "lichen: pods to the outside", "--jump", "MASQUERADE"];
  await execute(cidr.includes(":") ? "ip6tables" : "iptables", ["--wait", String(LOCK_SECONDS), "--table", "nat", action, "POSTROUTING", ...rule]);
}

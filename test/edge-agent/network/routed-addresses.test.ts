import test from "ava";
import type { Log, LogFields } from "../../../core/api/log.ts";
import { silentLog } from "../../../core/api/log.ts";
import { podDevice, type Ip } from "../../../edge-agent/network/pod-device.ts";
import { podRange } from "../../../edge-agent/network/pod-range.ts";
import { routedAddresses } from "../../../edge-agent/network/routed-addresses.ts";
import { loopbackAddresses } from "../../../edge-agent/runtimes/wasi/loopback-addresses.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

/** What the agents of one machine share: links, and local routes that have one owner each. */
function kernel(kinds: readonly string[] = ["dummy", "bridge"]) {
  const links = new Set<string>();
  const routes = new Map<string, string>();
  const ip: Ip = async (...args) => {
    const text = args.join(" ");
    const dev = args[args.indexOf("dev") + 1] ?? "";
    if (text.startsWith("link add")) {
      if (!kinds.includes(args.at(-1) ?? "")) throw new Error("Error: Unknown device type.");
      links.add(args[3] ?? "");
    } else if (!links.has(dev)) throw new Error(`Cannot find device "${dev}"`);
    else if (text.startsWith("link delete")) {
      links.delete(dev);
      for (const [range, owner] of routes) if (owner === dev) routes.delete(range);
    } else if (text.startsWith("route add local")) {
      if (routes.has(args[3] ?? "")) throw new Error("RTNETLINK answers: File exists");
      routes.set(args[3] ?? "", dev);
    } else if (text.includes("route show")) return [...routes].flatMap(([range, owner]) => (owner === dev ? [`local ${range.replace("/32", "")} scope host \n`] : [])).join("");
    return "";
  };
  return { ip, links, routes };
}

const fallback = loopbackAddresses("127.77.0.0/24");

function addresses(ip: Ip, name = "lichen-a", log: Log = silentLog) {
  const clock = virtualClock(0);
  return { clock, own: routedAddresses({ device: podDevice(name, ip), fallback, clock, log }) };
}

async function takeMany(from: ReturnType<typeof addresses>["own"], count: number): Promise<string[]> {
  const taken = new Set<string>();
  for (let n = 0; n < count; n++) taken.add(await from.take(taken));
  return [...taken];
}

test("components get the upper half of the node's range, containers the lower one", (t) => {
  t.deepEqual(podRange("10.42.3.0/24"), { lastOfContainers: "10.42.3.127", components: { base: ((10 * 256 + 42) * 256 + 3) * 256 + 128, size: 128 } });
  t.is(podRange("10.42.3.0/24", 110).lastOfContainers, "10.42.3.127", "room enough: components may come later");
  t.is(podRange("10.42.3.0/24", 250).lastOfContainers, "10.42.3.254");
  t.throws(() => podRange("10.42.3.0/30"), { message: /too small/ });
});

test("addresses are claimed in blocks, and the network's last one is nobody's", async (t) => {
  const { ip, routes } = kernel();
  const { own } = addresses(ip);
  own.setPodCidr("10.42.3.0/24");
  const all = await takeMany(own, 127);
  t.is(all[0], "10.42.3.128");
  t.is(all.at(-1), "10.42.3.254");
  t.deepEqual([...routes.keys()], ["10.42.3.128/27", "10.42.3.160/27", "10.42.3.192/27", "10.42.3.224/27"]);
  t.is(await own.take(new Set(all)), "127.77.0.1", "then the fallback");
  await own.remove();
  t.is(routes.size, 0);
});

test("two agents of one machine with one range never have the same address", async (t) => {
  const { ip } = kernel(["bridge"]);
  const [one, other] = [addresses(ip, "lichen-a").own, addresses(ip, "lichen-b").own];
  for (const each of [one, other]) each.setPodCidr("10.42.0.0/24");
  const all = [...(await takeMany(one, 40)), ...(await takeMany(other, 60))];
  t.is(new Set(all).size, 100);
  t.true(all.every((address) => address.startsWith("10.42.0.")));
});

test("an agent that comes back goes on with its blocks; after a reboot it claims those of its pods again", async (t) => {
  const { ip, routes, links } = kernel();
  const before = addresses(ip).own;
  before.setPodCidr("10.42.3.0/24");
  const [first = ""] = await takeMany(before, 1);
  const again = addresses(ip).own;
  again.setPodCidr("10.42.3.0/24");
  t.is(await again.take(new Set([first])), "10.42.3.129");
  links.clear();
  routes.clear();
  await addresses(ip).own.keep?.([first, "10.42.3.230", "127.77.0.5"]);
  t.deepEqual([...routes.keys()], ["10.42.3.128/27", "10.42.3.224/27"]);
});

test("where the kernel or the privileges lack, pods get the fallback's and the log says it once", async (t) => {
  const said: LogFields[] = [];
  const { own } = addresses(kernel([]).ip, "lichen-a", { ...silentLog, warn: (fields) => void said.push(fields) });
  own.setPodCidr("10.42.3.0/24");
  t.deepEqual(await takeMany(own, 2), ["127.77.0.1", "127.77.0.2"]);
  t.deepEqual(said, [{ reason: "Error: Unknown device type." }]);
});

test("without a range from the server it waits a while, once", async (t) => {
  const { own, clock } = addresses(kernel().ip);
  const first = own.take(new Set());
  await clock.advance(10_000);
  t.is(await first, "127.77.0.1");
  t.is(await own.take(new Set()), "127.77.0.1");
  own.setPodCidr("10.42.3.0/24");
  t.is(await own.take(new Set()), "10.42.3.128");
});

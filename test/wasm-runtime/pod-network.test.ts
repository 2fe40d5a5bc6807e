import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { RequestHead } from "../../wasm-runtime/host/net-messages.ts";
import { ledRequest, podNetwork, type ServiceDirectory } from "../../wasm-runtime/host/pod-network.ts";

const directory: ServiceDirectory = {
  domain: "cluster.local",
  names: { "cart.shop": ["10.96.0.5"], "db-0.db.shop": ["10.42.1.130"], "mail.shop": "smtp.example.com", "dns.kube-system": ["10.96.0.10"], "localhost.shop": ["10.96.0.6"] },
  leads: { "10.96.0.5:80/tcp": ["127.3.0.1:8080", "127.3.0.2:8080"], "10.96.0.10:53/udp": ["127.3.0.9:53"] },
};

function setup(t: { teardown(end: () => void): void }, source?: string) {
  const folder = mkdtempSync(join(tmpdir(), "lichen-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const services = join(folder, "services.json");
  const write = (what: ServiceDirectory) => {
    writeFileSync(`${services}.new`, JSON.stringify(what));
    renameSync(`${services}.new`, services);
  };
  let chosen = 0;
  const network = podNetwork({ namespace: "shop", services, ...(source === undefined ? {} : { source }) }, () => chosen);
  return { network, write, choose: (value: number) => void (chosen = value) };
}

test("names are found as with the cluster's search domains", (t) => {
  const { network, write } = setup(t);
  write(directory);
  for (const name of ["cart", "CART", "cart.shop", "cart.shop.svc", "cart.shop.svc.cluster.local", "cart.shop.svc.cluster.local."]) t.deepEqual(network.find(name), ["10.96.0.5"], name);
  t.deepEqual(network.find("db-0.db"), ["10.42.1.130"]);
  t.deepEqual(network.find("dns.kube-system"), ["10.96.0.10"]);
  t.is(network.find("mail"), "smtp.example.com");
  for (const name of ["dns", "cart.", "cart.other", "api.example.com", "constructor", "localhost", "cart.shop.svc.other.domain"]) t.is(network.find(name), undefined, name);
});

test("the file is read again when it changed; before it is there nothing is known", (t) => {
  const { network, write } = setup(t);
  t.is(network.find("cart"), undefined);
  write(directory);
  t.deepEqual(network.find("cart"), ["10.96.0.5"]);
  write({ ...directory, names: { "cart.shop": ["10.96.0.7"] } });
  t.deepEqual(network.find("cart"), ["10.96.0.7"]);
});

test("where the kernel does not, an address of a Service leads to one of its endpoints", (t) => {
  const { network, write, choose } = setup(t);
  write(directory);
  t.deepEqual(network.lead({ host: "10.96.0.5", port: 80 }, "tcp"), { host: "127.3.0.1", port: 8080 });
  choose(0.9);
  t.deepEqual(network.lead({ host: "10.96.0.5", port: 80 }, "tcp"), { host: "127.3.0.2", port: 8080 });
  t.deepEqual(network.lead({ host: "10.96.0.5", port: 81 }, "tcp"), { host: "10.96.0.5", port: 81 });
  t.deepEqual(network.lead({ host: "10.96.0.10", port: 53 }, "udp"), { host: "127.3.0.9", port: 53 });
});

test("a request keeps its name and goes where the address leads", (t) => {
  const { network, write } = setup(t);
  write(directory);
  const head: RequestHead = { method: "GET", secure: false, host: "cart", port: 80, path: "/", headers: [], addresses: ["10.96.0.5"], connectMs: 1, firstByteMs: 1, betweenBytesMs: 1 };
  t.deepEqual(ledRequest(network, head), { ...head, port: 8080, addresses: ["127.3.0.1"] });
  t.deepEqual(ledRequest(network, { ...head, host: "10.96.0.5" }), { ...head, host: "127.3.0.1", port: 8080, addresses: ["127.3.0.1"] });
  t.deepEqual(ledRequest(network, { ...head, host: "192.0.2.1", addresses: ["192.0.2.1"] }), { ...head, host: "192.0.2.1", addresses: ["192.0.2.1"] });
});

test("a pod with an address of its own sends from it, and has no other family", (t) => {
  const { network } = setup(t, "10.42.0.130");
  t.is(network.sourceFor("192.0.2.1"), "10.42.0.130");
  t.is((t.throws(() => network.sourceFor("2001:db8::1")) as NodeJS.ErrnoException).code, "ENETUNREACH");
  t.deepEqual(network.usable(["2001:db8::1", "192.0.2.1"]), ["192.0.2.1"]);
  const open = podNetwork(undefined);
  t.is(open.sourceFor("2001:db8::1"), undefined);
  t.deepEqual(open.usable(["2001:db8::1"]), ["2001:db8::1"]);
  t.is(open.find("cart"), undefined);
});

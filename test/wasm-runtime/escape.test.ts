import { linkSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmdirSync, statSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { filesystem } from "../../wasm-runtime/host/filesystem.ts";
import { outboundOf, parseEndpoints, plainAddress } from "../../wasm-runtime/host/endpoints.ts";
import { Fields } from "../../wasm-runtime/host/http-fields.ts";
import { importsFor } from "../../wasm-runtime/host/imports.ts";
import { deeds, escapes } from "./support/escapes.ts";
import type { Root } from "./support/escapes.ts";
import { temporaryDirectory } from "../support/lichen.ts";

for (const readOnly of [false, true]) {
  test(`no path, link or rename leads out of a ${readOnly ? "read-only" : "writable"} volume`, (t) => {
    const { tried, found } = escapes(temporaryDirectory(t), (volume) => {
      const files = filesystem([{ hostPath: volume, guestPath: "/data", readOnly }]);
      const [first] = files.preopens.getDirectories();
      return { root: first?.[0] as unknown as Root, close: files.reset };
    });
    t.deepEqual(found, []);
    t.true(tried > 1000);
  });
}

/** What a host does that joins paths: the corpus must find its holes, or it would find nobody's. */
const naive = (base: string): Root => ({
  openAt(_pathFlags, path, { create, truncate }, { write }) {
    const place = join(base, path);
    if (create === true || truncate === true || write === true) writeFileSync(place, "changed");
    return naive(place);
  },
  read: () => [readFileSync(base), true],
  write: () => 0n,
  statAt: (_flags, path) => statSync(join(base, path)),
  setTimesAt: (_flags, path) => utimesSync(join(base, path), 1, 1),
  createDirectoryAt: (path) => mkdirSync(join(base, path)),
  removeDirectoryAt: (path) => rmdirSync(join(base, path)),
  unlinkFileAt: (path) => unlinkSync(join(base, path)),
  renameAt: (path, _into, newPath) => renameSync(join(base, path), join(base, newPath)),
  linkAt: (_flags, path, _into, newPath) => linkSync(join(base, path), join(base, newPath)),
  symlinkAt: (target, path) => symlinkSync(target, join(base, path)),
  readlinkAt: (path) => readlinkSync(join(base, path)),
  metadataHashAt: (_flags, path) => statSync(join(base, path)),
});

test("the corpus finds the holes of a host that has them", (t) => {
  const { found } = escapes(temporaryDirectory(t), (volume) => ({ root: naive(volume), close: () => {} }));
  t.true(found.length > 300);
  const missed = Object.keys(deeds).filter((deed) => !found.some((one) => one.deed === deed));
  // the secret is no link, so nothing reads it as one; a host with other files outside would be found
  t.deepEqual(missed, ["readlink"]);
});

test("an address is granted or not, however it is written", (t) => {
  const outbound = outboundOf(parseEndpoints("10.1.0.0/16:443, [2001:db8::]/32:53, api.example.com:443"));
  const inside = (a: number, b: number) => a === 10 && b === 1;
  t.notThrows(() => fc.assert(
    fc.property(fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)), fc.nat(65_535), ([a, b, c, d], port) => {
      const granted = inside(a, b) && port === 443;
      const hex = (high: number, low: number) => (high * 256 + low).toString(16);
      const spellings = [`${a}.${b}.${c}.${d}`, `::ffff:${a}.${b}.${c}.${d}`, `0:0:0:0:0:ffff:${hex(a, b)}:${hex(c, d)}`, `::FFFF:${hex(a, b)}:${hex(c, d)}`];
      return spellings.every((address) => outbound.allowsAddress(address, port) === granted && plainAddress(address) === `${a}.${b}.${c}.${d}`);
    }),
  ));
});

test("a granted name is no grant of this machine's own addresses", (t) => {
  const outbound = outboundOf(parseEndpoints("rebound.example:80, *.example.org:*, *:8443"));
  const own = ["127.0.0.1", "127.77.1.2", "169.254.169.254", "0.0.0.0", "::1", "::", "fe80::1", "::ffff:127.0.0.1", "224.0.0.1", "255.255.255.255"];
  t.deepEqual(outbound.resolved("rebound.example", [...own, "93.184.216.34"]), ["93.184.216.34"]);
  for (const address of own) t.false(outbound.allowsAddress(address, 80), address);
  for (const address of own) t.false(outbound.allowsAddress(address, 8443), address);
  t.true(outbound.allowsAddress("93.184.216.34", 80));
  t.false(outbound.allowsAddress("93.184.216.34", 81));
  t.false(outbound.allowsName("example.org", 80));
  t.false(outbound.allowsName("evil-example.org", 80));
  t.false(outbound.allowsName("rebound.example.attacker.net", 80));
});

test("mistakes in a grant are errors, never wider grants", (t) => {
  for (const wrong of ["api.example.com", "api.example.com:", "api.example.com:0", "api.example.com:70000", "10.0.0.0/33:80", "10.0.0.0/:80", "http://a:80", "a b:80", "*.*:80", "*.10.0.0.1/8:1", "a/8:80", ":80"]) {
    t.throws(() => parseEndpoints(wrong), { message: /is not an endpoint/ }, wrong);
  }
  t.deepEqual(parseEndpoints(" , "), []);
  t.false(outboundOf([]).allowsAddress("10.0.0.1", 80));
  t.false(outboundOf([]).allowsName("a"));
});

test("what a guest names does not become part of the host's objects", (t) => {
  const before = Object.getOwnPropertyNames(Object.prototype).join();
  const fields = new Fields();
  for (const name of ["__proto__", "constructor", "prototype", "toString"]) fields.append(name, Buffer.from("x"));
  t.deepEqual(fields.entries().map(([name]) => name), ["__proto__", "constructor", "prototype", "toString"]);
  const nowhere = { write: () => {} };
  const { interfaces } = importsFor({ args: ["__proto__"], env: [["__proto__", "x"], ["constructor", "y"]], stdout: nowhere, stderr: nowhere, grants: {}, network: () => () => {}, addresses: [], exit: () => t.fail() as never });
  const { getEnvironment } = (interfaces as Record<string, { getEnvironment(): unknown }>)["wasi:cli/environment"] ?? { getEnvironment: () => [] };
  t.deepEqual(getEnvironment(), [["__proto__", "x"], ["constructor", "y"]]);
  t.is(Object.getOwnPropertyNames(Object.prototype).join(), before);
  t.is(({} as Record<string, unknown>)["polluted"], undefined);
});

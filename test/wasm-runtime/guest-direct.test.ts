import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test from "ava";
import { casesOf, PROCESSES, runCases } from "./support/guests.ts";
import { afterAll } from "../support/after-all.ts";
import { temporaryDirectory } from "../support/lichen.ts";

const cases = casesOf("direct");
const results = new Map<string, ReadonlyMap<string, string>>();
const later = afterAll();

for (const process of PROCESSES) {
  test.before(`all cases run in one guest (${process} process)`, async () => {
    const directory = temporaryDirectory(later);
    mkdirSync(join(directory, "data"));
    writeFileSync(join(directory, "data/file"), "text of the file");
    const web = createServer((request, response) => {
      if (request.url === "/half") return void response.writeHead(200, { "content-length": "100" }).write("half", () => setImmediate(() => request.socket.destroy()));
      response.writeHead(200, { trailer: "x-sum" });
      response.write("body");
      response.addTrailers({ "x-sum": "4" });
      response.end();
    }).listen(0, "127.0.0.1");
    const udp = createSocket("udp4").bind(0, "127.0.0.1");
    await Promise.all([once(web, "listening"), once(udp, "listening")]);
    later.teardown(() => (web.close(), web.closeAllConnections(), udp.close()));
    const ports = { HTTP: (web.address() as AddressInfo).port, UDP_ECHO: udp.address().port };
    results.set(process, await runCases(later, "direct", cases, process, {
      env: Object.entries(ports).map(([name, port]) => [name, String(port)]),
      grants: { outbound: Object.values(ports).map((port) => `127.0.0.1:${port}`).join(","), preopens: [{ hostPath: join(directory, "data"), guestPath: "/", readOnly: false }] },
    }));
  });

  for (const name of cases) test(`${name.replaceAll("_", " ")} (${process} process)`, (t) => t.is(results.get(process)?.get(name), ""));

  test(`the guest ends in order (${process} process)`, (t) => t.is(results.get(process)?.get("the end of the guest"), undefined));
}

/** Interfaces whose functions the world's own export stands for. */
const exported = new Set(["wasi:cli/run", "wasi:http/incoming-handler"]);
const kebab = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Functions of WASI 0.2, from the types that jco makes of its WIT: "wasi:io/poll [method]pollable.ready". */
function functionsOf(text: string): string[] {
  const name = /@module Interface ([^@]+)@/.exec(text)?.[1];
  const found: string[] = [];
  let resource = "";
  for (const line of text.split("\n")) {
    resource = /^export class (\w+)/.exec(line)?.[1] ?? (line === "}" ? "" : resource);
    const [, fixed, method] = /^ {2}(static )?(\w+)\(.*;$/.exec(line) ?? [];
    const plain = /^export function (\w+)\(/.exec(line)?.[1];
    if (plain !== undefined) found.push(`${name} ${kebab(plain)}`);
    if (resource !== "" && method !== undefined && method !== "constructor") found.push(`${name} [${fixed === undefined ? "method" : "static"}]${kebab(resource).slice(1)}.${kebab(method)}`);
  }
  return found.filter((one) => !exported.has(one.split(" ")[0] ?? ""));
}

test("every function of WASI 0.2 is called by a guest, or by the adapter under those of POSIX", (t) => {
  const root = new URL("../../", import.meta.url);
  const types = new URL("node_modules/@bytecodealliance/preview2-shim/types/interfaces/", root);
  const all = readdirSync(types).flatMap((file) => functionsOf(readFileSync(new URL(file, types), "utf8")));
  t.true(all.length > 140, String(all.length));
  const guests = ["test/wasm-runtime/guests/direct.wasm", "test/wasm-runtime/guests/network.wasm", "test/wasm-runtime/guests/service.wasm", "wasm-runtime/adapters/command.wasm"];
  const called = new Set(guests.flatMap((path) => WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(new URL(path, root)))).map(({ module, name }) => `${module.replace(/@.*/, "")} ${name}`)));
  t.deepEqual(all.filter((one) => !called.has(one)), []);
});

test("there are at least 150 of them", (t) => t.true(["posix", "network", "direct"].flatMap(casesOf).length >= 150));

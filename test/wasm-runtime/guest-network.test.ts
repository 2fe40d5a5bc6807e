import { once } from "node:events";
import { createSocket } from "node:dgram";
import { createServer as createHttp } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import test from "ava";
import { casesOf, PROCESSES, runCases } from "./support/guests.ts";
import { afterAll } from "../support/after-all.ts";

const cases = casesOf("network");
const results = new Map<string, ReadonlyMap<string, string>>();
let uninvited = 0;
const later = afterAll();

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  later.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

const web = createHttp((request, response) => {
  const path = request.url ?? "";
  const body: Buffer[] = [];
  if (path === "/mirror") return void request.pipe(response);
  if (path.startsWith("/status/")) return void response.writeHead(Number(path.slice(8))).end();
  if (path === "/redirect") return void response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
  if (path === "/cut") return void request.socket.destroy();
  if (path === "/half") return void response.writeHead(200, { "content-length": "100" }).write("half", () => setImmediate(() => request.socket.destroy()));
  if (path === "/never") return undefined;
  request.on("data", (chunk: Buffer) => body.push(chunk));
  request.on("end", () => response.writeHead(200, { "content-type": "text/plain" }).end(`${request.method} ${path} ${request.headers["x-test"]} ${Buffer.concat(body).toString()}`));
});

for (const process of PROCESSES) {
  test.before(`all cases run in one guest (${process} process)`, async () => {
    const echo = await portOf(createServer({ allowHalfOpen: true }, (socket) => socket.on("error", () => {}).pipe(socket)));
    const http = await portOf(web);
    later.teardown(() => web.closeAllConnections());
    const denied = await portOf(createServer((socket) => void (uninvited++, socket.destroy())));
    const free = createServer();
    const listen = await portOf(free);
    const other = createServer();
    const closed = await portOf(other);
    free.close();
    other.close();
    const udp = createSocket("udp4", (bytes, from) => udp.send(bytes, from.port, from.address)).bind(0, "127.0.0.1");
    await once(udp, "listening");
    later.teardown(() => udp.close());
    const ports = { TCP_ECHO: echo, UDP_ECHO: udp.address().port, HTTP: http, CLOSED: closed, DENIED: denied, LISTEN: listen };
    const outbound = [echo, udp.address().port, http, closed, listen].map((port) => `127.0.0.1:${port}`);
    results.set(process, await runCases(later, "network", cases, process, {
      env: Object.entries(ports).map(([name, port]) => [name, String(port)]),
      grants: { outbound: [...outbound, `localhost:${http}`, "missing.invalid:80"].join(","), listening: `tcp:${listen}` },
    }));
  });

  for (const name of cases) test(`${name.replaceAll("_", " ")} (${process} process)`, (t) => t.is(results.get(process)?.get(name), ""));

  test(`the guest ends in order (${process} process)`, (t) => t.is(results.get(process)?.get("the end of the guest"), undefined));
}
test("nobody came who was not granted", (t) => t.is(uninvited, 0));

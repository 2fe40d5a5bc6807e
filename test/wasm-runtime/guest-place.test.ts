/** A component in its cluster's network, in its real process: the address it sends from, and where addresses lead. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { ServiceDirectory } from "../../wasm-runtime/host/pod-network.ts";
import { PROCESSES, runCases } from "./support/guests.ts";

/** All of 127/8 is the machine's own. */
const SOURCE = "127.0.0.55";
/** of Services: nobody listens there */
const ADDRESSES = { TCP_ECHO: 1, HTTP: 2 };

async function portOf(t: { teardown(end: () => void): void }, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

for (const process of PROCESSES) {
  test(`addresses of Services lead to their endpoints, and the pod's address is where it comes from (${process} process)`, async (t) => {
    const from = new Set<string | undefined>();
    const echo = createServer({ allowHalfOpen: true }, (socket) => {
      from.add(socket.remoteAddress);
      socket.on("error", () => {}).pipe(socket);
    });
    const web = createHttp((request, response) => {
      from.add(request.socket.remoteAddress);
      response.writeHead(200, { "content-type": "text/plain" }).end(`${request.method} ${request.url} ${request.headers["x-test"]} `);
    });
    const folder = mkdtempSync(join(tmpdir(), "lichen-"));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const services = join(folder, "services.json");
    const directory: ServiceDirectory = {
      domain: "cluster.local",
      names: {},
      leads: { [`127.0.0.1:${ADDRESSES.TCP_ECHO}/tcp`]: [`127.0.0.1:${await portOf(t, echo)}`], [`127.0.0.1:${ADDRESSES.HTTP}/tcp`]: [`127.0.0.1:${await portOf(t, web)}`] },
    };
    writeFileSync(services, JSON.stringify(directory));
    const results = await runCases(t, "network", ["tcp_echo", "http_get"], process, {
      env: Object.entries(ADDRESSES).map(([name, port]) => [name, String(port)]),
      grants: { outbound: Object.values(ADDRESSES).map((port) => `127.0.0.1:${port}`).join(",") },
      place: { namespace: "default", services, source: SOURCE },
    });
    t.deepEqual(Object.fromEntries(results), { tcp_echo: "", http_get: "" });
    t.deepEqual([...from], [SOURCE]);
  });
}

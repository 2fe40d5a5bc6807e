/** Two whole servers over one etcd, where one is installed: one acts, and when it stops or is lost the other does. */
import test from "ava";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../core/api/log.ts";
import { MASTERS } from "../../core/api/user.ts";
import { openPki } from "../../core/auth/pki/pki.ts";
import { serverConfig } from "../../core/config.ts";
import { startServer } from "../../core/main.ts";

const installed = spawnSync("etcd", ["--version"]).status === 0;

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

async function etcdAt(directory: string): Promise<{ readonly endpoint: string; stop(): void }> {
  const [endpoint, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const client = ["--listen-client-urls", endpoint, "--advertise-client-urls", endpoint];
  const child = spawn("etcd", ["--data-dir", directory, ...client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `default=${peer}`, "--logger", "zap"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new Error("etcd ended before it served")));
    child.stderr.setEncoding("utf8").on("data", (text: string) => text.includes("serving client traffic") && resolve());
  });
  return { endpoint, stop: () => void child.kill("SIGKILL") };
}

(installed ? test : test.skip)("one of two servers makes the replica sets, and the other when it is gone", async (t) => {
  t.timeout(240_000);
  const directory = mkdtempSync(join(tmpdir(), "lichen-test-leadership-"));
  const etcd = await etcdAt(join(directory, "etcd"));
  const pki = await openPki(join(directory, "a", "pki"));
  cpSync(join(directory, "a", "pki"), join(directory, "b", "pki"), { recursive: true });
  const { certificate, key } = await pki.issueClient({ commonName: "admin", organizations: [MASTERS], ttlMs: 3_600_000 });
  const start = (name: string) =>
    startServer(serverConfig({ dataDir: join(directory, name), host: "127.0.0.1", port: 0, mqttPort: 0, datastoreEndpoint: etcd.endpoint }), { log: silentLog });
  const a = await start("a");
  const b = await start("b");
  t.teardown(async () => {
    await Promise.all([a.close(), b.close()]);
    etcd.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function ask(server: string, method: string, path: string, body?: unknown) {
    const sent = request(`${server}${path}`, { method, ca: pki.caCertificate, cert: certificate, key, headers: body === undefined ? {} : { "content-type": "application/json" } });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(sent, "response")) as [AsyncIterable<Buffer>];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString()) as { readonly items?: readonly { readonly metadata: { readonly name: string } }[]; readonly spec?: { readonly holderIdentity?: string } };
  }
  const until = async <T>(look: () => Promise<T | undefined>): Promise<T> => {
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
    }
  };
  const deployed = async (server: string, name: string) => {
    const template = { metadata: { labels: { name } }, spec: { containers: [{ name: "c", image: "i" }] } };
    await ask(server, "POST", "/apis/apps/v1/namespaces/default/deployments", { apiVersion: "apps/v1", kind: "Deployment", metadata: { name }, spec: { replicas: 1, selector: { matchLabels: { name } }, template } });
    return await until(async () => (await ask(server, "GET", "/api/v1/namespaces/default/pods?labelSelector=name%3D" + name)).items?.[0]);
  };
  const holder = async (server: string) => (await ask(server, "GET", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/lichen-server")).spec?.holderIdentity;

  await deployed(b.url, "first");
  const before = await holder(b.url);
  t.truthy(before);
  await a.close();
  await deployed(b.url, "second");
  t.not(await holder(b.url), before, "the server that was started second leads now");
  t.is((await ask(b.url, "GET", "/apis/apps/v1/namespaces/default/replicasets")).items?.length, 2);
});

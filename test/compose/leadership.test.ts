/** Two whole servers over one etcd, where one is installed: one acts, and when it stops or is lost the other does. */
import test from "ava";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { silentLog } from "../../core/api/log.ts";
import { MASTERS } from "../../core/api/user.ts";
import { openPki } from "../../core/auth/pki/pki.ts";
import { serverConfig } from "../../core/config.ts";
import { startServer } from "../../core/main.ts";
import { etcd, etcdInstalled } from "../support/etcd.ts";
import { temporaryDirectory } from "../support/lichen.ts";

(etcdInstalled ? test : test.skip)("one of two servers makes the replica sets, and the other when it is gone", async (t) => {
  t.timeout(240_000);
  const directory = temporaryDirectory(t);
  const datastore = await etcd(join(directory, "etcd"));
  t.teardown(datastore.kill);
  await datastore.start();
  const pki = await openPki(join(directory, "a", "pki"));
  cpSync(join(directory, "a", "pki"), join(directory, "b", "pki"), { recursive: true });
  const { certificate, key } = await pki.issueClient({ commonName: "admin", organizations: [MASTERS], ttlMs: 3_600_000 });
  const start = (name: string) =>
    startServer(serverConfig({ dataDir: join(directory, name), host: "127.0.0.1", port: 0, mqttPort: 0, datastoreEndpoint: datastore.endpoint }), { log: silentLog });
  const a = await start("a");
  const b = await start("b");
  t.teardown(async () => {
    await Promise.all([a.close(), b.close()]);
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

/** lichen over services that a site runs already: etcd as the datastore, mosquitto as the broker, both as Debian ships them. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "ava";
import { etcd } from "../support/etcd.ts";
import { eventually } from "../support/eventually.ts";
import { kubectlFor } from "../support/kubectl.ts";
import { freePort, lichen, temporaryDirectory } from "../support/lichen.ts";
import { startProgram } from "../support/program.ts";

const component = resolve(import.meta.dirname, "../../examples/components/ticker/ticker.wasm");
const example = resolve(import.meta.dirname, "../../examples/ticker.yaml");

/** Each device its own topics, by the common name of its certificate; the server all of them. */
const acl = `user server
topic readwrite d/#
pattern write d/%u/up
pattern write d/%u/presence
pattern write d/%u/s/up
pattern read d/%u/down
pattern read d/%u/s/down
`;

test("the datastore is etcd and the broker mosquitto", async (t) => {
  const directory = temporaryDirectory(t);
  const dataDir = join(directory, "server");
  const [port, brokerPort] = [await freePort(), await freePort()];
  const datastore = await etcd(join(directory, "etcd"));
  t.teardown(datastore.kill);
  await datastore.start();

  const serve = async () => {
    const args = ["server", "--data-dir", dataDir, "--port", String(port), "--datastore-endpoint", datastore.endpoint, "--broker", `mqtts://127.0.0.1:${brokerPort}`];
    const server = lichen(t, args);
    await server.says(/^ready /);
    return server;
  };
  const first = await serve();

  const pki = (name: string) => join(dataDir, "pki", name);
  mkdirSync(join(directory, "mosquitto"));
  const aclFile = join(directory, "mosquitto", "acl");
  const configuration = join(directory, "mosquitto", "mosquitto.conf");
  writeFileSync(aclFile, acl);
  chmodSync(aclFile, 0o600);
  writeFileSync(
    configuration,
    `listener ${brokerPort} 127.0.0.1
cafile ${pki("ca.crt")}
certfile ${pki("server.crt")}
keyfile ${pki("server.key")}
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file ${aclFile}
max_packet_size 300000
${process.getuid?.() === 0 ? "user root\n" : ""}`,
  );
  const broker = startProgram({ command: "/usr/sbin/mosquitto", args: ["-c", configuration] });
  t.teardown(() => broker.stop());

  const [token = ""] = await lichen(t, ["token", "create", "--data-dir", dataDir]).says(/^[0-9a-f]{64}\..*$/);
  const agent = ["agent", "--server", `https://127.0.0.1:${port}`, "--name", "one", "--data-dir", join(directory, "one"), "--runtimes", "wasi", "--drain-on-exit"];
  await lichen(t, agent, { LICHEN_TOKEN: token }).says(/^ready/);
  t.is((await lichen(t, ["push", component, "ticker:1", "--data-dir", dataDir]).ended).code, 0);

  const kubectl = await kubectlFor(join(dataDir, "kubeconfig"));
  await kubectl("apply", "-f", example);
  await kubectl("rollout", "status", "deployment/ticker", "--timeout=60s");
  await eventually("logs come over the broker", async () => (await kubectl("logs", "deployment/ticker")).includes("tick"));

  await first.stop("SIGKILL");
  await serve();
  t.regex(await kubectl("get", "deployment", "ticker"), /1\/1/);
  await eventually("logs come again after the server was killed", async () => (await kubectl("logs", "deployment/ticker")).includes("tick"));
});

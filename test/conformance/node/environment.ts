/** What a container finds in its environment, its arguments and its hosts file. */
import assert from "node:assert/strict";
import { CONFIG_MAPS, SECRETS, SERVICES } from "../../../core/api/resources.gen.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { DEFAULTS } from "../support/clusters.ts";
import { exec, main, output, podsOf, running, sh, untilPod } from "../support/pods.ts";

const fieldEnv = (fields: Readonly<Record<string, string>>) => Object.entries(fields).map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } }));
const resourceEnv = (fields: Readonly<Record<string, string>>) => Object.entries(fields).map(([name, resource]) => ({ name, valueFrom: { resourceFieldRef: { resource } } }));

/** The environment of a pod, printed without a shell in between. */
async function environment(c: Context, container: object): Promise<ReadonlyMap<string, string>> {
  const log = await output(c, { containers: [{ ...main(""), command: ["env"], ...container }] });
  return new Map(log.split("\n").filter((line) => line.includes("=")).map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

async function source(c: Context, resource: typeof CONFIG_MAPS | typeof SECRETS, name = "source"): Promise<void> {
  const data = { "data-1": "value-1", data_2: "value-2" };
  await c.api.of(resource as Omit<typeof resource, "object">, c.namespace).create({ metadata: { name }, ...(resource === SECRETS ? { stringData: data } : { data }) });
}
const viaKey = (kind: string, resource: typeof CONFIG_MAPS | typeof SECRETS) => async (c: Context) => {
  await source(c, resource);
  const env = await environment(c, { env: [{ name: "ONE", valueFrom: { [`${kind}KeyRef`]: { name: "source", key: "data-1" } } }] });
  assert.equal(env.get("ONE"), "value-1");
};
const viaAll = (kind: string, resource: typeof CONFIG_MAPS | typeof SECRETS, prefixes: readonly string[]) => async (c: Context) => {
  await source(c, resource);
  const env = await environment(c, { envFrom: prefixes.map((prefix) => ({ ...(prefix === "" ? {} : { prefix }), [`${kind}Ref`]: { name: "source" } })) });
  for (const prefix of prefixes) {
    assert.equal(env.get(`${prefix}data-1`), "value-1", prefix);
    assert.equal(env.get(`${prefix}data_2`), "value-2", prefix);
  }
};
/** Printable ASCII but "=" is allowed in the names of variables (KEP-4369). */
const prefixes = ["p_", "p.", "p-", "1", "#!"];
const amounts = { requests: { cpu: "250m", memory: "32Mi" }, limits: { cpu: "1250m", memory: "64Mi" } };
const megabytes = (text: string | undefined) => Number(text) / 2 ** 20;

export const environmentTests = [
  conformance("[sig-node] ConfigMap should be consumable as environment variable names with various prefixes", viaAll("configMap", CONFIG_MAPS, prefixes)),
  conformance("[sig-node] ConfigMap should be consumable via environment variable", viaKey("configMap", CONFIG_MAPS)),
  conformance("[sig-node] ConfigMap should be consumable via the environment", viaAll("configMap", CONFIG_MAPS, ["", "p_"])),
  conformance("[sig-node] Secrets should be consumable as environment variable names variable names with various prefixes", viaAll("secret", SECRETS, prefixes)),
  conformance("[sig-node] Secrets should be consumable from pods in env vars", viaKey("secret", SECRETS)),
  conformance("[sig-node] Secrets should be consumable via the environment", viaAll("secret", SECRETS, ["", "p_"])),

  conformance("[sig-node] Containers should be able to override the image's default arguments (container cmd)", async (c) => {
    assert.equal(await output(c, { containers: [{ name: "main", image: DEFAULTS, args: ["override", "arguments"] }] }), "entrypoint override arguments\n");
  }),
  conformance("[sig-node] Containers should be able to override the image's default command (container entrypoint)", async (c) => {
    assert.equal(await output(c, { containers: [{ name: "main", image: DEFAULTS, command: ["echo", "override"] }] }), "override\n");
  }),
  conformance("[sig-node] Containers should be able to override the image's default command and arguments", async (c) => {
    assert.equal(await output(c, { containers: [{ name: "main", image: DEFAULTS, command: ["echo", "override"], args: ["arguments"] }] }), "override arguments\n");
  }),
  conformance("[sig-node] Containers should use the image defaults if command and args are blank", async (c) => {
    assert.equal(await output(c, { containers: [{ name: "main", image: DEFAULTS }] }), "entrypoint default arguments\n");
  }),

  conformance("[sig-node] Downward API should provide container's limits.cpu/memory and requests.cpu/memory as env vars", async (c) => {
    const env = await environment(c, { resources: amounts, env: resourceEnv({ CPU_LIMIT: "limits.cpu", MEMORY_LIMIT: "limits.memory", CPU_REQUEST: "requests.cpu", MEMORY_REQUEST: "requests.memory" }) });
    assert.deepEqual([env.get("CPU_LIMIT"), megabytes(env.get("MEMORY_LIMIT")), env.get("CPU_REQUEST"), megabytes(env.get("MEMORY_REQUEST"))], ["2", 64, "1", 32]);
  }),
  conformance("[sig-node] Downward API should provide default limits.cpu/memory from node allocatable", async (c) => {
    const env = await environment(c, { env: resourceEnv({ CPU_LIMIT: "limits.cpu", MEMORY_LIMIT: "limits.memory" }) });
    assert.ok(Number(env.get("CPU_LIMIT")) >= 1);
    assert.ok(megabytes(env.get("MEMORY_LIMIT")) >= 64);
  }),
  conformance("[sig-node] Downward API should provide host IP as an env var", async (c) => {
    const env = await environment(c, { env: fieldEnv({ HOST_IP: "status.hostIP" }) });
    assert.match(env.get("HOST_IP") ?? "", /^\d+\.\d+\.\d+\.\d+$/);
    assert.equal(env.get("HOST_IP"), (await podsOf(c).get("pod")).status?.hostIP);
  }),
  conformance("[sig-node] Downward API should provide hostIPs as an env var", async (c) => {
    const env = await environment(c, { env: fieldEnv({ HOST_IPS: "status.hostIPs" }) });
    assert.equal(env.get("HOST_IPS"), (await podsOf(c).get("pod")).status?.hostIPs?.map(({ ip }) => ip).join());
  }),
  conformance("[sig-node] Downward API should provide pod UID as env vars", async (c) => {
    const env = await environment(c, { env: fieldEnv({ UID: "metadata.uid" }) });
    assert.equal(env.get("UID"), (await podsOf(c).get("pod")).metadata.uid);
  }),
  conformance("[sig-node] Downward API should provide pod name, namespace and IP address as env vars", async (c) => {
    const env = await environment(c, { env: fieldEnv({ NAME: "metadata.name", NAMESPACE: "metadata.namespace", IP: "status.podIP" }) });
    assert.deepEqual([env.get("NAME"), env.get("NAMESPACE")], ["pod", c.namespace]);
    assert.match(env.get("IP") ?? "", /^\d+\.\d+\.\d+\.\d+$/);
  }),

  conformance("[sig-node] Variable Expansion should allow composing env vars into new env vars", async (c) => {
    const env = await environment(c, { env: [{ name: "FOO", value: "foo-value" }, { name: "BAR", value: "bar-value" }, { name: "FOOBAR", value: "$(FOO);;$(BAR)" }] });
    assert.equal(env.get("FOOBAR"), "foo-value;;bar-value");
  }),
  conformance("[sig-node] Variable Expansion should allow substituting values in a container's args", async (c) => {
    const container = { command: ["sh", "-c"], args: ["TEST_VAR=wrong echo \"$(TEST_VAR)\""], env: [{ name: "TEST_VAR", value: "test-value" }] };
    assert.equal(await output(c, { container }), "test-value\n");
  }),
  conformance("[sig-node] Variable Expansion should allow substituting values in a container's command", async (c) => {
    const container = { command: sh("TEST_VAR=wrong echo \"$(TEST_VAR)\""), env: [{ name: "TEST_VAR", value: "test-value" }] };
    assert.equal(await output(c, { container }), "test-value\n");
  }),

  conformance("[sig-node] Pods should contain environment variables for services", async (c) => {
    await c.api.of(SERVICES, c.namespace).create({ metadata: { name: "foo-service" }, spec: { selector: { a: "b" }, ports: [{ port: 8765, targetPort: 8080 }] } });
    const { spec } = await c.api.of(SERVICES, c.namespace).get("foo-service");
    const env = await environment(c, {});
    const ip = spec?.clusterIP ?? "";
    assert.deepEqual(
      ["FOO_SERVICE_SERVICE_HOST", "FOO_SERVICE_SERVICE_PORT", "FOO_SERVICE_PORT", "FOO_SERVICE_PORT_8765_TCP", "FOO_SERVICE_PORT_8765_TCP_PORT", "FOO_SERVICE_PORT_8765_TCP_PROTO", "FOO_SERVICE_PORT_8765_TCP_ADDR"].map((name) => env.get(name)),
      [ip, "8765", `tcp://${ip}:8765`, `tcp://${ip}:8765`, "8765", "tcp", ip],
    );
    assert.notEqual(env.get("KUBERNETES_SERVICE_HOST"), undefined);
  }),

  conformance("[sig-node] Kubelet when scheduling an agnhost Pod with hostAliases should write entries to /etc/hosts", async (c) => {
    const log = await output(c, { spec: { hostAliases: [{ ip: "123.45.67.89", hostnames: ["foo", "bar"] }] }, script: "cat /etc/hosts" });
    assert.match(log, /# Entries added by HostAliases.\n123\.45\.67\.89\tfoo\tbar/);
  }),
  conformance("[sig-node] KubeletManagedEtcHosts should test kubelet managed /etc/hosts file", async (c) => {
    const managed = /# Kubernetes-managed hosts file/;
    const own = { name: "own", hostPath: { path: "/etc/hosts", type: "File" } };
    await running(c, { containers: [main("sleep 1000"), main("sleep 1000", {}, "second"), main("sleep 1000", { volumeMounts: [{ name: "own", mountPath: "/etc/hosts" }] }, "mounted")], spec: { volumes: [own] } });
    assert.match(await exec(c, "pod", "cat /etc/hosts"), managed);
    assert.match(await exec(c, "pod", "cat /etc/hosts", "second"), managed);
    assert.doesNotMatch(await exec(c, "pod", "cat /etc/hosts", "mounted"), managed);
    await running(c, { name: "host", spec: { hostNetwork: true }, script: "sleep 1000" });
    assert.doesNotMatch(await exec(c, "host", "cat /etc/hosts"), /^# Kubernetes-managed hosts file\.$/m);
    await untilPod(c, "host", ({ status }) => status?.podIP === status?.hostIP, "it has the node's address");
  }),
];

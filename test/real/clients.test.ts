/** Clients that nobody changed for us: kubectl of two releases and the official JavaScript client, on custom resources too. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CoreV1Api, CoreV1Api as Core, CustomObjectsApi, KubeConfig, KubernetesObjectApi, makeInformer, PatchStrategy, type V1ConfigMap, Watch } from "@kubernetes/client-node";
import test from "ava";
import { kubectlVersions } from "../support/components.ts";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { lichen, temporaryDirectory } from "../support/lichen.ts";
import { conversionWebhook } from "./clients/conversion-webhook.ts";
import { widget, widgetDefinition } from "./clients/definitions.ts";

const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
let folder = "";
let kubeconfig = "";
let webhook: Awaited<ReturnType<typeof conversionWebhook>>;

test.before(async () => {
  folder = temporaryDirectory(whole);
  await lichen(whole, ["server", "--data-dir", folder, "--port", "0", "--mqtt-port", "0", "--datastore-endpoint", "memory:"]).says(/^ready /);
  kubeconfig = join(folder, "kubeconfig");
  webhook = await conversionWebhook(folder);
  closing.push(() => webhook.close());
  const kubectl = await kubectlFor(kubeconfig);
  await kubectl("apply", "-f", file("crd", widgetDefinition(webhook)));
  await kubectl("wait", "--for=condition=Established", "crd/widgets.shop.example.com", "--timeout=60s");
});

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

let files = 0;
function file(name: string, object: object): string {
  const path = join(folder, `${name}-${files++}.json`);
  writeFileSync(path, JSON.stringify(object));
  return path;
}
const deployment = (image: string, replicas = 1) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "default", labels: { app: "web" } },
  spec: { replicas, selector: { matchLabels: { app: "web" } }, template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image }] } } },
});
const fails = async (t: { readonly throwsAsync: (call: Promise<unknown>) => Promise<Error | undefined> }, call: Promise<unknown>) => (await t.throwsAsync(call))?.message ?? "";

for (const version of kubectlVersions) {
  let kubectl: Kubectl;
  test.serial.before(`kubectl ${version}`, async () => {
    kubectl = await kubectlFor(kubeconfig, version);
  });

  test.serial(`kubectl ${version}: apply, server-side apply, diff, explain`, async (t) => {
    await kubectl("apply", "-f", file("web", deployment("registry.example/one:1")));
    t.is(await kubectl("diff", "-f", file("web", deployment("registry.example/one:1"))), "");
    await t.throwsAsync(kubectl("diff", "-f", file("web", deployment("registry.example/two:2"))), { message: /one:1[^]*two:2|Command failed/ });
    t.regex(await kubectl("apply", "-f", file("web", deployment("registry.example/two:2"))), /configured/);
    const path = file("web", deployment("registry.example/three:3", 2));
    t.regex(await fails(t, kubectl("apply", "--server-side", "--field-manager=other", "-f", path)), /conflict/);
    t.regex(await kubectl("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", path), /serverside-applied/);
    t.regex(await kubectl("apply", "--dry-run=server", "-f", file("web", deployment("registry.example/four:4"))), /dry run|serverside|configured/);
    t.is(await kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image} {.spec.replicas}"), "registry.example/three:3 2");
    t.regex(await kubectl("explain", "deployment.spec.strategy"), /rollingUpdate/);
    t.regex(await kubectl("explain", "widget.spec"), /size\s+<integer> -required-[^]*How many parts it has/);
    t.regex(await kubectl("explain", "widgets", "--recursive"), /color\s+<string>/);
    await kubectl("delete", "deployment", "web", "--wait=true", "--timeout=60s");
  });

  test.serial(`kubectl ${version}: wait, label, annotate, set, patch, scale, get in many forms`, async (t) => {
    await kubectl("create", "deployment", "web", "--image=registry.example/one:1", "--replicas=1");
    await kubectl("wait", "--for=jsonpath={.status.replicas}=1", "deployment/web", "--timeout=60s");
    const waiting = kubectl("wait", "--for=delete", "deployment/web", "--timeout=60s");
    await kubectl("label", "deployment", "web", "tier=front");
    await kubectl("annotate", "deployment", "web", "note=hello");
    await kubectl("set", "image", "deployment/web", "one=registry.example/two:2");
    await kubectl("set", "resources", "deployment/web", "--limits=memory=64Mi");
    await kubectl("patch", "deployment", "web", "--type=json", "-p", '[{"op":"replace","path":"/spec/minReadySeconds","value":3}]');
    await kubectl("patch", "deployment", "web", "-p", '{"spec":{"template":{"spec":{"containers":[{"name":"one","args":["x"]}]}}}}');
    await kubectl("scale", "deployment/web", "--replicas=2", "--current-replicas=1");
    const line = await kubectl("get", "deploy", "-l", "tier=front", "-o", "custom-columns=N:.metadata.name,R:.spec.replicas,I:.spec.template.spec.containers[0].image,A:.spec.template.spec.containers[0].args[0],M:.spec.minReadySeconds,L:.spec.template.spec.containers[0].resources.limits.memory", "--no-headers");
    t.deepEqual(line.trim().split(/\s+/), ["web", "2", "registry.example/two:2", "x", "3", "64Mi"]);
    t.regex(await kubectl("get", "all", "-o", "wide"), /deployment.apps\/web/);
    t.regex(await kubectl("get", "deployments", "-A", "--sort-by=.metadata.name", "-o", "name"), /deployment.apps\/web/);
    t.regex(await kubectl("describe", "deployment", "web"), /Pod Template:[^]*registry.example\/two:2/);
    await kubectl("delete", "deployment", "web");
    t.regex(await waiting, /condition met/);
  });

  test.serial(`kubectl ${version}: auth, certificates, tokens, cluster-info, config, api-resources, events, debug, create from literals`, async (t) => {
    t.regex(await kubectl("auth", "whoami"), /kubernetes-admin/);
    t.is((await kubectl("auth", "can-i", "create", "pods")).trim(), "yes");
    t.regex(await fails(t, kubectl("auth", "can-i", "create", "pods", "--as=nobody")), /no/);
    t.regex(await kubectl("auth", "can-i", "--list"), /\*\.\*/);
    await kubectl("create", "serviceaccount", "robot");
    t.is((await kubectl("create", "token", "robot")).trim().split(".").length, 3);
    await kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps");
    await kubectl("create", "rolebinding", "reader", "--role=reader", "--serviceaccount=default:robot");
    t.is((await kubectl("auth", "can-i", "list", "configmaps", "--as=system:serviceaccount:default:robot")).trim(), "yes");
    const rules = file("rules", { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "reader", namespace: "default" }, rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }] });
    t.regex(await kubectl("auth", "reconcile", "-f", rules), /reconciled/);
    const { execFileSync } = await import("node:child_process");
    const request = execFileSync("openssl", ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=jane/O=people"], { stdio: ["ignore", "pipe", "ignore"] }).toString("base64");
    await kubectl("create", "-f", file("csr", { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name: "jane" }, spec: { request, signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"] } }));
    await kubectl("certificate", "approve", "jane");
    await eventually("the certificate is signed", async () => (await kubectl("get", "csr", "jane", "-o", "jsonpath={.status.certificate}")) !== "");
    t.regex(await kubectl("get", "csr", "jane"), /Approved,Issued/);
    await kubectl("create", "-f", file("csr", { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name: "joe" }, spec: { request, signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"] } }));
    await kubectl("certificate", "deny", "joe");
    t.regex(await kubectl("get", "csr", "joe"), /Denied/);

    t.regex(await kubectl("cluster-info"), /is running at/);
    t.is((await kubectl("config", "current-context")).trim(), "kubernetes-admin@lichen");
    t.regex(await kubectl("config", "view", "--minify"), /DATA\+OMITTED/);
    const resources = await kubectl("api-resources", "-o", "wide");
    for (const pattern of [/^pods\s+po\s+v1\s+true\s+Pod/m, /^deployments\s+deploy\s+apps\/v1\s+true\s+Deployment/m, /^widgets\s+wd\s+shop.example.com\/v1\s+true\s+Widget.*shop/m]) t.regex(resources, pattern);
    t.regex(await kubectl("get", "--raw", "/readyz?verbose"), /readyz check passed/);
    await kubectl("create", "configmap", "settings", "--from-literal=a=b");
    await kubectl("create", "secret", "generic", "secret", "--from-literal=a=b");
    await kubectl("create", "quota", "quota", "--hard=pods=10");
    t.regex(await kubectl("get", "configmap/settings", "secret/secret", "quota/quota", "-o", "name"), /configmap\/settings\nsecret\/secret\nresourcequota\/quota/);
    await kubectl("run", "target", "--image=registry.example/image:1", "--restart=Never");
    t.regex(await kubectl("debug", "target", "--image=registry.example/debug:1", "--attach=false", "--container=debugger", "--profile=general"), /^$|debug/i);
    t.is(await kubectl("get", "pod", "target", "-o", "jsonpath={.spec.ephemeralContainers[0].name}"), "debugger");
    await kubectl("events", "--for=pod/target");
    for (const target of ["pod/target", "configmap/settings", "secret/secret", "quota/quota", "csr/jane", "csr/joe", "role/reader", "rolebinding/reader", "serviceaccount/robot"]) await kubectl("delete", target, "--now");
  });

  test.serial(`kubectl ${version}: custom resources with rules, defaults, columns, status, scale and a converted version`, async (t) => {
    await kubectl("apply", "-f", file("widget", widget("one", { size: 3 })));
    t.regex(await kubectl("get", "wd"), /NAME\s+SIZE\s+AGE\s+one\s+3\s/);
    t.regex(await kubectl("get", "shop", "-o", "wide"), /COLOR\s[^]*green/);
    t.regex(await fails(t, kubectl("apply", "-f", file("widget", widget("red", { size: 30, color: "red" })))), /red widgets are small/);
    t.regex(await fails(t, kubectl("apply", "-f", file("widget", widget("one", { size: 2 })))), /a widget does not shrink/);
    t.regex(await fails(t, kubectl("apply", "-f", file("widget", widget("big", { size: 3000 })))), /spec.size/);
    t.regex(await fails(t, kubectl("create", "-f", file("widget", widget("odd", { size: 3, unknown: 1 })))), /unknown field "spec.unknown"/);
    await kubectl("scale", "widget/one", "--replicas=5");
    await kubectl("patch", "widget", "one", "--subresource=status", "--type=merge", "-p", '{"status":{"size":5,"selector":"a=b"}}');
    t.is(await kubectl("get", "widget", "one", "--subresource=scale", "-o", "jsonpath={.spec.replicas} {.status.replicas} {.status.selector}"), "5 5 a=b");
    await kubectl("wait", "--for=jsonpath={.status.size}=5", "widget/one", "--timeout=30s");
    t.is(await kubectl("get", "widgets.v1beta1.shop.example.com", "one", "-o", "jsonpath={.apiVersion} {.spec.amount} {.spec.size}"), "shop.example.com/v1beta1 5 ");
    await kubectl("apply", "-f", file("widget", widget("old", { amount: 7 }, "v1beta1")));
    t.is(await kubectl("get", "widgets.v1.shop.example.com", "old", "-o", "jsonpath={.spec.size}"), "7");
    t.true(webhook.reviews() > 0);
    await kubectl("delete", "widgets", "--all");
  });
}

interface Widget {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: { readonly size: number };
}

function client(): { readonly config: KubeConfig; readonly core: CoreV1Api } {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return { config, core: config.makeApiClient(Core) };
}

test.serial("@kubernetes/client-node: CRUD, an informer over changes, server-side apply", async (t) => {
  const { config, core } = client();
  const namespace = "default";
  const seen: string[] = [];
  const note = (type: string) => (object: V1ConfigMap) => void seen.push(`${type} ${object.metadata?.name} ${object.data?.["a"]}`);
  const informer = makeInformer(config, "/api/v1/namespaces/default/configmaps", () => core.listNamespacedConfigMap({ namespace, labelSelector: "of=informer" }), "of=informer");
  for (const type of ["add", "update", "delete"] as const) informer.on(type, note(type));
  await informer.start();
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "settings", labels: { of: "informer" } }, data: { a: "1" } } });
  const read = await core.readNamespacedConfigMap({ name: "settings", namespace });
  await core.replaceNamespacedConfigMap({ name: "settings", namespace, body: { ...read, data: { a: "2" } } });
  const objects = KubernetesObjectApi.makeApiClient(config);
  await objects.patch({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace, labels: { of: "informer" } }, data: { a: "3" } } as V1ConfigMap, undefined, undefined, "manager", true, PatchStrategy.ServerSideApply);
  const owned = await core.readNamespacedConfigMap({ name: "settings", namespace });
  t.true(owned.metadata?.managedFields?.some(({ manager, operation }) => manager === "manager" && operation === "Apply"));
  await core.deleteNamespacedConfigMap({ name: "settings", namespace });
  await eventually("the informer saw it go", () => seen.at(-1)?.startsWith("delete"));
  await informer.stop();
  t.deepEqual(seen, ["add settings 1", "update settings 2", "update settings 3", "delete settings 3"]);
  const missing = await t.throwsAsync(core.readNamespacedConfigMap({ name: "settings", namespace }));
  t.is((missing as Error & { readonly code: number }).code, 404);
});

test.serial("@kubernetes/client-node: custom objects and a watch of them", async (t) => {
  const { config } = client();
  const custom = config.makeApiClient(CustomObjectsApi);
  const where = { group: "shop.example.com", version: "v1", namespace: "default", plural: "widgets" };
  const { promise, resolve } = Promise.withResolvers<string>();
  const watching = await new Watch(config).watch("/apis/shop.example.com/v1/namespaces/default/widgets", {}, (type: string, object: Widget) => {
    if (type === "MODIFIED") resolve(`${object.metadata.name} ${object.spec.size}`);
  }, () => undefined);
  await custom.createNamespacedCustomObject({ ...where, body: widget("node", { size: 1 }) });
  const made = (await custom.getNamespacedCustomObject({ ...where, name: "node" })) as Widget;
  await custom.replaceNamespacedCustomObject({ ...where, name: "node", body: { ...made, spec: { ...made.spec, size: 4 } } });
  t.is(await promise, "node 4");
  watching.abort();
  await custom.deleteNamespacedCustomObject({ ...where, name: "node" });
  t.deepEqual(((await custom.listNamespacedCustomObject(where)) as { readonly items: readonly unknown[] }).items, []);
});

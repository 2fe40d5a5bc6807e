import test from "ava";
import { CONFIG_MAPS, DEPLOYMENTS, MUTATING_WEBHOOK_CONFIGURATIONS, NAMESPACES, PODS, VALIDATING_WEBHOOK_CONFIGURATIONS } from "../../core/api/resources.gen.ts";
import { httpsServer } from "./support/https-server.ts";
import { plane } from "./support/plane.ts";

interface Review {
  readonly request: { readonly uid: string; readonly operation: string; readonly object: { readonly data?: object } | null; readonly userInfo: { readonly username: string }; readonly dryRun: boolean };
}

const answer = (review: Review, response: object) => ({ body: { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid: review.request.uid, ...response } } });
const patch = (operations: readonly object[]) => ({ allowed: true, patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(operations)).toString("base64") });
const rules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE", "UPDATE", "DELETE"], resources: ["configmaps"] }];
const configMap = (name: string, data: object = { k: "v" }) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data });

function configuration(kind: "Mutating" | "Validating", webhooks: readonly object[]) {
  const common = { sideEffects: "None", admissionReviewVersions: ["v1"], rules, timeoutSeconds: 5 };
  return { apiVersion: "admissionregistration.k8s.io/v1", kind: `${kind}WebhookConfiguration`, metadata: { name: "test" }, webhooks: webhooks.map((each) => ({ ...common, ...each })) };
}

test("a mutating webhook changes objects; one that asks for it sees them again", async (t) => {
  const seen: string[] = [];
  const { port, caBundle } = await httpsServer(t, (request, body) => {
    const review = JSON.parse(body) as Review;
    const who = new URL(request.url ?? "", "https://x").pathname.slice(1);
    seen.push(`${who} ${review.request.userInfo.username} ${Object.keys(review.request.object?.data ?? {}).join(",")}`);
    return answer(review, patch([{ op: "add", path: `/data/${who}`, value: "yes" }]));
  });
  const { client, settled } = await plane(t);
  const webhook = (name: string, more: object = {}) => ({ name: `${name}.example.com`, clientConfig: { url: `https://localhost:${port}/${name}`, caBundle }, ...more });
  await client.create(MUTATING_WEBHOOK_CONFIGURATIONS, configuration("Mutating", [webhook("first", { reinvocationPolicy: "IfNeeded" }), webhook("second")]));
  await settled();
  const made = await client.create(CONFIG_MAPS, configMap("a"));
  t.deepEqual(made.data, { first: "yes", k: "v", second: "yes" });
  t.deepEqual(seen, ["first admin k", "second admin first,k", "first admin first,k,second"]);
});

test("a validating webhook refuses with its own status and warns; conditions decide if it is asked", async (t) => {
  let asked = 0;
  const { port, caBundle } = await httpsServer(t, (_, body) => {
    asked++;
    return answer(JSON.parse(body) as Review, { allowed: false, status: { code: 409, reason: "Conflict", message: "not today" }, warnings: ["careful"] });
  });
  const { client, settled } = await plane(t);
  const webhook = { name: "w.example.com", clientConfig: { url: `https://localhost:${port}/`, caBundle }, matchConditions: [{ name: "named", expression: "object == null || object.metadata.name != 'free'" }] };
  await client.create(VALIDATING_WEBHOOK_CONFIGURATIONS, configuration("Validating", [webhook]));
  await settled();
  await client.create(CONFIG_MAPS, configMap("free"));
  t.is(asked, 0);
  const warnings: string[] = [];
  const error = await t.throwsAsync(client.create(CONFIG_MAPS, configMap("a"), { warn: (text) => void warnings.push(text) }));
  t.like(error, { message: 'admission webhook "w.example.com" denied the request: not today', code: 409, reason: "Conflict" });
  t.deepEqual(warnings, ["careful"]);
  await t.throwsAsync(client.delete(CONFIG_MAPS, { namespace: "default", name: "free" }), { message: /denied the request/ });
});

test("what cannot be asked refuses or is ignored, as its failurePolicy says", async (t) => {
  const { port } = await httpsServer(t, () => ({ body: {} }));
  const { client, settled } = await plane(t);
  const untrusted = { name: "w.example.com", clientConfig: { url: `https://localhost:${port}/x` }, failurePolicy: "Fail" };
  await client.create(VALIDATING_WEBHOOK_CONFIGURATIONS, configuration("Validating", [untrusted]));
  await settled();
  await t.throwsAsync(client.create(CONFIG_MAPS, configMap("a")), {
    message: `Internal error occurred: failed calling webhook "w.example.com": failed to call webhook: Post "https://localhost:${port}/x?timeout=5s": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
  });
  await client.patch(VALIDATING_WEBHOOK_CONFIGURATIONS, { name: "test" }, { type: "json", operations: [{ op: "replace", path: "/webhooks/0/failurePolicy", value: "Ignore" }] });
  await settled();
  t.is((await client.create(CONFIG_MAPS, configMap("a"))).metadata.name, "a");
});

test("selectors and rules choose; a Service without endpoints is named", async (t) => {
  const { client, settled } = await plane(t);
  const service = { name: "w.example.com", clientConfig: { service: { namespace: "default", name: "none" } }, objectSelector: { matchLabels: { checked: "yes" } } };
  await client.create(VALIDATING_WEBHOOK_CONFIGURATIONS, configuration("Validating", [service]));
  await settled();
  t.is((await client.create(CONFIG_MAPS, configMap("a"))).metadata.name, "a");
  const labelled = { ...configMap("b"), metadata: { name: "b", namespace: "default", labels: { checked: "yes" } } };
  await t.throwsAsync(client.create(CONFIG_MAPS, labelled), { message: /Post "https:\/\/none.default.svc:443\/\?timeout=5s": service "none" not found$/ });
});

interface Asked {
  readonly operation: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly kind: { readonly kind: string };
  readonly options: object | null;
}

test("a review tells what was asked: the form of a subresource, connections, the options that the client gave", async (t) => {
  const seen: string[] = [];
  const { port, caBundle } = await httpsServer(t, (_, body) => {
    const review = JSON.parse(body) as Review & { readonly request: Asked };
    const { operation, name = "-", namespace, kind, options } = review.request;
    const given = Object.fromEntries(Object.entries(options ?? {}).filter(([field]) => field !== "kind" && field !== "apiVersion"));
    seen.push(`${operation} ${kind.kind} ${namespace}/${name} ${options === null ? "none" : JSON.stringify(given)}`);
    return answer(review, { allowed: true });
  });
  const { client, settled } = await plane(t);
  await client.create(DEPLOYMENTS, { metadata: { name: "d", namespace: "default" }, spec: { replicas: 0, selector: { matchLabels: { a: "b" } }, template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } } } });
  const all = [{ apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["namespaces", "configmaps", "deployments/scale", "pods/exec"] }];
  await client.create(VALIDATING_WEBHOOK_CONFIGURATIONS, configuration("Validating", [{ name: "w.example.com", clientConfig: { url: `https://localhost:${port}/`, caBundle }, rules: all }]));
  await settled();
  await client.create(NAMESPACES, { metadata: { name: "here" } }, { fieldManager: "m", fieldManagerGiven: true, fieldValidation: "Strict" });
  await client.patch(DEPLOYMENTS, { namespace: "default", name: "d", subresource: "scale" }, { type: "merge", patch: { spec: { replicas: 1 } } }, { dryRun: true });
  await client.create(CONFIG_MAPS, configMap("a"));
  await client.deleteCollection(CONFIG_MAPS, { namespace: "default", fieldSelector: "metadata.name=a", propagationPolicy: "Background" });
  await client.connect(PODS, { namespace: "default", name: "p", subresource: "exec" }, { kind: "PodExecOptions", apiVersion: "v1", command: ["sh"] } as never);
  t.deepEqual(seen, [
    'CREATE Namespace here/here {"fieldManager":"m","fieldValidation":"Strict"}',
    'UPDATE Scale default/d {"dryRun":["All"]}',
    "CREATE ConfigMap default/a {}",
    'DELETE ConfigMap default/- {"propagationPolicy":"Background"}',
    "CONNECT PodExecOptions default/p none",
  ]);
});

test("a patch that does not fit is an error whatever the failure policy; what is deleted cannot be changed", async (t) => {
  const { port, caBundle } = await httpsServer(t, (_, body) => answer(JSON.parse(body) as Review, patch([{ op: "replace", path: "/nope/x", value: 1 }])));
  const { client, settled } = await plane(t);
  await client.create(CONFIG_MAPS, configMap("old"));
  await client.create(MUTATING_WEBHOOK_CONFIGURATIONS, configuration("Mutating", [{ name: "w.example.com", failurePolicy: "Ignore", clientConfig: { url: `https://localhost:${port}/`, caBundle } }]));
  await settled();
  await t.throwsAsync(client.create(CONFIG_MAPS, configMap("a")), { message: "Internal error occurred: replace operation does not apply: doc is missing path: /nope/x: missing value" });
  await t.throwsAsync(client.delete(CONFIG_MAPS, { namespace: "default", name: "old" }), {
    message: 'Internal error occurred: admission webhook "w.example.com" attempted to modify the object, which is not supported for this operation',
  });
});

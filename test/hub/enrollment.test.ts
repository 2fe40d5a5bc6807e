import { createHash, createPrivateKey, generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { NODES, SECRETS } from "../../core/api/resources.gen.ts";
import { ApiError } from "../../core/api/status.ts";
import { silentLog } from "../../core/api/log.ts";
import { openPki } from "../../core/auth/pki/pki.ts";
import { deviceRecords } from "../../core/hub/device-records.ts";
import { enrollment } from "../../core/hub/enrollment.ts";
import { certificateRequest } from "../../edge-agent/identity/csr.ts";
import { seededEntropy } from "../support/control-plane.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { plane } from "./plane.ts";

const newKey = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

async function stage(t: ExecutionContext) {
  const { admin } = await plane(t);
  // its own, so that years pass without a registry to pass through them
  const clock = virtualClock();
  const directory = await mkdtemp(join(tmpdir(), "lichen-enrollment-"));
  t.teardown(() => rm(directory, { recursive: true }));
  const pki = await openPki(directory, clock);
  const spent: string[] = [];
  const records = deviceRecords(admin);
  const enroll = enrollment({
    async checkToken(token) {
      if (token !== "good") throw new ApiError("Unauthorized", "the join token is not accepted");
      return { id: "abc", site: "north", spend: async () => void spent.push(token) };
    },
    signCsr: pki.signCsr,
    records,
    client: admin,
    ca: pki.caCertificate,
    mqttUrls: (request) => [`mqtts://${new URL(request.url).hostname}:8883`],
    moduleKeys: ["KEY"],
    facts: { clusterDomain: "cluster.local" },
    clock,
    entropy: seededEntropy(3),
    log: silentLog,
  });
  const post = async (path: string, body: unknown) => {
    const response = await enroll.handle(new Request(`https://server.example:6443/lichen/v1/${path}`, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) }));
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };
  const join1 = async (key = newKey(), name: string | undefined = "dev1") => ({ key, ...(await post("enroll", { token: "good", csr: certificateRequest(key, "whatever"), name })) });
  const renewal = (key: ReturnType<typeof newKey>, certificate: string | undefined, name = "dev1", next = newKey()) => {
    const csr = certificateRequest(next, name);
    return { next, body: { name, certificate, csr, signature: sign("sha256", Buffer.from(csr), key).toString("base64") } };
  };
  return { admin, clock, pki, enroll, records, post, join: join1, renewal, spent };
}

test("a join token and a request become a certificate for exactly this device", async (t) => {
  const { join: enrolled, enroll, spent, admin, pki } = await stage(t);
  const { status, body, key } = await enrolled();
  t.is(status, 200);
  t.like(body, { name: "dev1", ca: pki.caCertificate, mqtt: ["mqtts://server.example:8883"], moduleKeys: ["KEY"], site: "north", clusterDomain: "cluster.local" });
  const certificate = new X509Certificate(body["certificate"] ?? "");
  t.is(certificate.subject, "O=system:nodes\nCN=dev1");
  t.true(certificate.checkPrivateKey(createPrivateKey(key.export({ type: "pkcs8", format: "pem" }))));
  t.is(await enroll.refuse("dev1", certificate.raw), undefined);
  t.deepEqual(spent, ["good"]);
  const secret = await admin.get(SECRETS, { namespace: "kube-system", name: "lichen-device-dev1" });
  const hash = createHash("sha256").update(certificate.publicKey.export({ type: "spki", format: "der" })).digest("hex");
  t.is(Buffer.from(secret.data?.["keys"] ?? "", "base64").toString(), hash);
});

test("a device without a name gets one; a name that is none is refused with what to do", async (t) => {
  const { post, join: enrolled } = await stage(t);
  t.regex((await enrolled(newKey(), "")).body["name"] ?? "", /^device-[a-z0-9]{8}$/);
  for (const name of ["UPPER", "a.b", "x/y", "-a", "#", "+", "a".repeat(64), 7, "a\u0000"]) {
    const { status, body } = await post("enroll", { token: "good", csr: certificateRequest(newKey(), "x"), name });
    t.is(status, 400, String(name));
    t.regex(body["message"] ?? "", /is not valid: use at most 63/);
  }
});

test("bad tokens, bad requests and bad bodies are refused without spending the token", async (t) => {
  const { post, enroll, spent } = await stage(t);
  const csr = certificateRequest(newKey(), "x");
  t.is((await post("enroll", { token: "bad", csr, name: "dev1" })).status, 401);
  t.is((await post("enroll", { token: "good", csr: "nonsense", name: "dev1" })).status, 400);
  t.is((await post("enroll", { token: "good", name: "dev1" })).status, 400);
  t.is((await post("enroll", "no json")).status, 400);
  t.is((await post("enroll", "[]")).status, 400);
  t.is((await post("enroll", { token: "good", csr: "x".repeat(70_000) })).status, 413);
  t.is((await post("unknown", {})).status, 404);
  t.deepEqual(spent, []);
  t.is(enroll.counters.enrolled, 0);
  const ca = await enroll.handle(new Request("https://x/lichen/v1/ca"));
  t.regex(await ca.text(), /BEGIN CERTIFICATE/);
});

test("a name belongs to its key: the same one may enroll again, another may not, until the node is deleted", async (t) => {
  const { join: enrolled, enroll, admin } = await stage(t);
  const { key } = await enrolled();
  t.is((await enrolled(key)).status, 200);
  const stranger = await enrolled();
  t.is(stranger.status, 409);
  t.regex(stranger.body["message"] ?? "", /kubectl delete node dev1/);
  await admin.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name: "stands" } });
  t.is((await enrolled(newKey(), "stands")).status, 409);
  await enroll.forget("dev1");
  t.is((await enrolled()).status, 200);
});

test("a device that was away until long after its certificate's end proves its key and is back", async (t) => {
  const { join: enrolled, clock, enroll, post, renewal } = await stage(t);
  const first = await enrolled();
  await clock.advance(400 * 86_400_000);
  const { body, next } = renewal(first.key, first.body["certificate"]);
  const answer = await post("renew", body);
  t.is(answer.status, 200);
  const certificate = new X509Certificate(answer.body["certificate"] ?? "");
  t.true(certificate.checkPrivateKey(next));
  t.true(certificate.validToDate.getTime() > clock.now());
  t.is(await enroll.refuse("dev1", certificate.raw), undefined);
  // the answer may have been lost: the old key still proves
  t.is((await post("renew", renewal(first.key, first.body["certificate"]).body)).status, 200);
});

test("nobody else renews a device", async (t) => {
  const { join: enrolled, post, renewal, enroll } = await stage(t);
  const first = await enrolled();
  const second = await enrolled(newKey(), "dev2");
  const good = renewal(first.key, first.body["certificate"]).body;
  const tries = {
    "another device's key and certificate": renewal(second.key, second.body["certificate"]).body,
    "a stolen certificate without its key": renewal(newKey(), first.body["certificate"]).body,
    "another request under the same signature": { ...good, csr: certificateRequest(newKey(), "dev1") },
    "a name that is not enrolled": { ...good, name: "nobody" },
    "no certificate": { ...good, certificate: "nonsense" },
    "no signature": { ...good, signature: "AAAA" },
  };
  for (const [name, body] of Object.entries(tries)) t.is((await post("renew", body)).status, 401, name);
  await enroll.forget("dev1");
  t.is((await post("renew", good)).status, 401);
  t.is(await enroll.refuse("dev1", new X509Certificate(first.body["certificate"] ?? "").raw), "the device is not enrolled, or its node was deleted");
});

test("over the live link the key in use survives any number of lost answers", async (t) => {
  const { join: enrolled, enroll } = await stage(t);
  const first = await enrolled();
  const old = new X509Certificate(first.body["certificate"] ?? "");
  t.is(await enroll.refuse("dev1", old.raw), undefined);
  let newest = "";
  for (let lost = 0; lost < 10; lost++) newest = await enroll.renew("dev1", certificateRequest(newKey(), "dev1"));
  t.is(await enroll.refuse("dev1", old.raw), undefined);
  t.is(await enroll.refuse("dev1", new X509Certificate(newest).raw), undefined);
  await t.throwsAsync(enroll.renew("nobody", certificateRequest(newKey(), "x")), { message: /not enrolled/ });
});

test("signing is bounded", async (t) => {
  const { post, enroll } = await stage(t);
  const statuses = new Set<number>();
  for (let attempt = 0; attempt < 1_050; attempt++) statuses.add((await post("enroll", { token: "bad", csr: "x" })).status);
  t.deepEqual([...statuses], [401, 429]);
  t.is(enroll.counters.limited, 50);
});

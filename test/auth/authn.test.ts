import test from "ava";
import type { ExecutionContext } from "ava";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT, createLocalJWKSet, jwtVerify } from "jose";
import { systemClock } from "../../core/api/clock.ts";
import { systemEntropy } from "../../core/api/entropy.ts";
import { ApiError } from "../../core/api/status.ts";
import type { Secret } from "../../core/api/types.gen.ts";
import type { Authenticator, Credentials } from "../../core/auth/auth.ts";
import { bootstrapTokenAuthenticator } from "../../core/auth/authn/bootstrap-token.ts";
import { certificateAuthenticator } from "../../core/auth/authn/certificate.ts";
import { authenticatorChain } from "../../core/auth/authn/chain.ts";
import { checkJoinToken, joinTokenInfo, newJoinToken, parseJoinToken } from "../../core/auth/authn/join-token.ts";
import { requestHeaderAuthenticator } from "../../core/auth/authn/request-header.ts";
import { serviceAccountTokens } from "../../core/auth/authn/service-account.ts";
import { staticTokenAuthenticator } from "../../core/auth/authn/static-tokens.ts";
import { newKey } from "../../core/auth/pki/keys.ts";
import { openPki } from "../../core/auth/pki/pki.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const HOUR = 3_600_000;
const directory = mkdtempSync(join(tmpdir(), "lichen-test-authn-"));
test.after.always(() => rmSync(directory, { recursive: true }));

const nobody: Authenticator = async () => undefined;
const presented = (credentials: Partial<Credentials>): Credentials => ({ headers: () => undefined, ...credentials });
const encode = (fields: Record<string, string>) => Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, Buffer.from(text).toString("base64")]));

async function refused(t: ExecutionContext, run: Promise<unknown>, why: RegExp): Promise<void> {
  const error = await t.throwsAsync<ApiError>(run, { instanceOf: ApiError });
  t.is(error.reason, "Unauthorized");
  t.is(error.message, "Unauthorized");
  t.regex(String(error.cause), why);
}

test("a client certificate is a user until it ends or is revoked", async (t) => {
  const clock = virtualClock();
  const pki = await openPki(directory, clock);
  const { certificate } = await pki.issueClient({ commonName: "system:node:pi", organizations: ["system:nodes"], ttlMs: HOUR });
  const parsed = new X509Certificate(certificate);
  const revoked = new Set<string>();
  const authenticate = certificateAuthenticator({ clock, revoked: (serial) => revoked.has(serial) });
  t.is(await authenticate(presented({})), undefined);
  t.deepEqual(await authenticate(presented({ certificate: parsed.raw })), {
    name: "system:node:pi",
    groups: ["system:nodes", "system:authenticated"],
    extra: { "authentication.kubernetes.io/credential-id": [`X509SHA256=${parsed.fingerprint256.replaceAll(":", "").toLowerCase()}`] },
  });
  const raw = parsed.raw;
  t.truthy(await authenticate(presented({ certificate: raw })));
  revoked.add(parsed.serialNumber);
  await refused(t, authenticate(presented({ certificate: raw })), /revoked/);
  revoked.clear();
  await clock.advance(HOUR + 1_000);
  await refused(t, authenticate(presented({ certificate: raw })), /expired/);
  const nameless = await pki.issueClient({ commonName: "", organizations: ["system:masters"], ttlMs: HOUR });
  await refused(t, authenticate(presented({ certificate: new X509Certificate(nameless.certificate).raw })), /no common name/);
});

test("the certificate of a device is the user of its node", async (t) => {
  const clock = virtualClock();
  const pki = await openPki(directory, clock);
  const { certificate } = await pki.issueClient({ commonName: "pi", organizations: ["system:nodes"], ttlMs: HOUR });
  const asked: string[] = [];
  const authenticate = certificateAuthenticator({ clock, revoked: (_, commonName) => asked.push(commonName) < 0 });
  const user = await authenticate(presented({ certificate: new X509Certificate(certificate).raw }));
  t.like(user, { name: "system:node:pi", groups: ["system:nodes", "system:authenticated"] });
  t.deepEqual(asked, ["pi"]);
});

test("static tokens are users, other tokens are nobody's", async (t) => {
  const authenticate = staticTokenAuthenticator([["abc", { name: "ci", groups: ["bots"] }]]);
  t.deepEqual(await authenticate(presented({ bearer: "abc" })), { name: "ci", groups: ["bots", "system:authenticated"] });
  t.is(await authenticate(presented({ bearer: "abd" })), undefined);
  t.is(await authenticate(presented({})), undefined);
});

function bootstrapSecret(fields: Record<string, string> = {}, more: Partial<Secret> = {}): Secret {
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "bootstrap.kubernetes.io/token",
    metadata: { name: "bootstrap-token-abcdef", namespace: "kube-system" },
    data: encode({ "token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true", ...fields }),
    ...more,
  };
}

test("a bootstrap token logs in as what its Secret says", async (t) => {
  const clock = virtualClock();
  let stored: Secret | undefined = bootstrapSecret({ "auth-extra-groups": "system:bootstrappers:site-a" });
  const authenticate = bootstrapTokenAuthenticator((name) => (name === "bootstrap-token-abcdef" ? stored : undefined), clock);
  const login = (bearer: string) => authenticate(presented({ bearer }));
  t.deepEqual(await login("abcdef.0123456789abcdef"), {
    name: "system:bootstrap:abcdef",
    groups: ["system:bootstrappers", "system:bootstrappers:site-a", "system:authenticated"],
  });
  for (const other of ["abcdef", "abcdef.0123", "ABCDEF.0123456789abcdef", "abcdef.0123456789abcdef0", "x.y.z"]) t.is(await login(other), undefined);
  await refused(t, login("abcdef.0123456789abcdee"), /wrong/);
  await refused(t, login("ghijkl.0123456789abcdef"), /unknown/);
  const cases: readonly (readonly [Secret | undefined, RegExp])[] = [
    [undefined, /unknown/],
    [bootstrapSecret({}, { type: "Opaque" }), /unknown/],
    [bootstrapSecret({ "token-id": "zzzzzz" }), /unknown/],
    [bootstrapSecret({ "token-secret": "" }), /wrong/],
    [bootstrapSecret({ expiration: new Date(clock.now()).toISOString() }), /expired/],
    [bootstrapSecret({ expiration: "soon" }), /expired/],
    [bootstrapSecret({ "usage-bootstrap-authentication": "false" }), /not for this use/],
    [bootstrapSecret({ "auth-extra-groups": "system:masters" }), /extra group/],
    [bootstrapSecret({}, { metadata: { deletionTimestamp: "2030-01-01T00:00:00Z" } }), /revoked/],
  ];
  for (const [secret, why] of cases) {
    stored = secret;
    await refused(t, login("abcdef.0123456789abcdef"), why);
  }
  stored = bootstrapSecret({ expiration: new Date(clock.now() + 1_000).toISOString() });
  t.truthy(await login("abcdef.0123456789abcdef"));
});

test("a join token pins the cluster, counts its uses and can be revoked", (t) => {
  const caHash = "ab".repeat(32);
  const now = Date.UTC(2030, 0, 1);
  const made = newJoinToken({ caHash, now, entropy: systemEntropy, ttlMs: HOUR, uses: 2, site: "barn" });
  t.regex(made.token, /^[0-9a-f]{64}\.[a-z0-9]{6}\.[a-z0-9]{16}$/);
  let stored: Secret | undefined = made.secret;
  const check = (token = made.token, at = now, hash = caHash) =>
    checkJoinToken(token, (name) => (name === made.secret.metadata.name ? stored : undefined), hash, at);
  const id = parseJoinToken(made.token)?.id ?? "";

  const first = check();
  t.like(first, { accepted: true, site: "barn", id });
  stored = first.accepted ? first.spent : undefined;
  const second = check(` ${made.token}\n`);
  t.true(second.accepted);
  stored = second.accepted ? second.spent : undefined;
  t.deepEqual(check(), { accepted: false, problem: "used up" });
  t.deepEqual(joinTokenInfo(stored ?? made.secret), { id, site: "barn", description: undefined, expires: "2030-01-01T01:00:00Z", usesLeft: 0 });

  stored = made.secret;
  t.deepEqual(check(made.token, now + HOUR), { accepted: false, problem: "expired" });
  t.deepEqual(check(made.token, now, "cd".repeat(32)), { accepted: false, problem: "of another cluster" });
  t.deepEqual(check(`${made.token.slice(0, -1)}${made.token.endsWith("a") ? "b" : "a"}`), { accepted: false, problem: "wrong" });
  t.deepEqual(check(`${caHash}.zzzzzz.0123456789abcdef`), { accepted: false, problem: "unknown" });
  t.deepEqual(check("hello"), { accepted: false, problem: "malformed" });
  stored = undefined;
  t.deepEqual(check(), { accepted: false, problem: "unknown" });

  const unlimited = newJoinToken({ caHash, now, entropy: systemEntropy });
  const again = checkJoinToken(unlimited.token, () => unlimited.secret, caHash, now + 1_000 * HOUR);
  t.deepEqual(again, { accepted: true, id: parseJoinToken(unlimited.token)?.id ?? "", site: undefined, spent: undefined });
});

test("a join token does not log in to the API, a bootstrap token does not enrol", async (t) => {
  const clock = virtualClock();
  const caHash = "ab".repeat(32);
  const made = newJoinToken({ caHash, now: clock.now(), entropy: systemEntropy });
  const { id = "", secret = "" } = parseJoinToken(made.token) ?? {};
  await refused(t, bootstrapTokenAuthenticator(() => made.secret, clock)(presented({ bearer: `${id}.${secret}` })), /not for this use/);
  t.deepEqual(checkJoinToken(`${caHash}.abcdef.0123456789abcdef`, () => bootstrapSecret(), caHash, clock.now()), { accepted: false, problem: "not for this use" });
  t.is(joinTokenInfo(bootstrapSecret()), undefined);
});

async function accounts() {
  const clock = virtualClock();
  const uids = new Map([
    ["account shop/web", "u-web"],
    ["Pod shop/web-1", "u-pod"],
    ["Node shop/pi", "u-node"],
  ]);
  const key = newKey();
  const tokens = await serviceAccountTokens({
    issuer: "https://lichen.test",
    key,
    clock,
    entropy: systemEntropy,
    lookup: {
      serviceAccountUid: (namespace, name) => uids.get(`account ${namespace}/${name}`),
      boundUid: (kind, namespace, name) => uids.get(`${kind} ${namespace}/${name}`),
    },
  });
  const request = { namespace: "shop", serviceAccount: { name: "web", uid: "u-web" }, ttlSeconds: 600 };
  return { clock, uids, tokens, key, request };
}

test("a service account token is its account while account, pod and time allow", async (t) => {
  const { clock, uids, tokens, request } = await accounts();
  const { token, expires } = await tokens.issue({ ...request, boundTo: { kind: "Pod", name: "web-1", uid: "u-pod" }, node: { name: "pi", uid: "u-node" } });
  t.is(expires, clock.now() + 600_000);
  const user = await tokens.authenticator(presented({ bearer: token }));
  t.is(user?.name, "system:serviceaccount:shop:web");
  t.is(user?.uid, "u-web");
  t.deepEqual(user?.groups, ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"]);
  t.deepEqual(user?.extra?.["authentication.kubernetes.io/pod-name"], ["web-1"]);
  t.deepEqual(user?.extra?.["authentication.kubernetes.io/node-uid"], ["u-node"]);
  t.regex(user?.extra?.["authentication.kubernetes.io/credential-id"]?.[0] ?? "", /^JTI=[0-9a-f-]{36}$/);

  const login = () => tokens.authenticator(presented({ bearer: token }));
  uids.set("Pod shop/web-1", "u-other-pod-of-that-name");
  await refused(t, login(), /its Pod is gone/);
  uids.set("Pod shop/web-1", "u-pod");
  t.truthy(await login());
  uids.set("account shop/web", "u-made-again");
  await refused(t, login(), /the account is gone/);
  uids.set("account shop/web", "u-web");
  await clock.advance(600_000);
  await refused(t, login(), /not valid at this time/);
});

test("a token is good for its audiences alone", async (t) => {
  const { tokens, request } = await accounts();
  const { token } = await tokens.issue({ ...request, audiences: ["vault", "mqtt"] });
  await refused(t, tokens.verify(token), /another audience/);
  t.deepEqual((await tokens.verify(token, ["mqtt", "x"]))?.audiences, ["mqtt"]);
  const own = await tokens.issue(request);
  t.deepEqual((await tokens.verify(own.token))?.audiences, ["https://lichen.test"]);
  await refused(t, tokens.verify(own.token, ["vault"]), /another audience/);
});

test("tokens that others made, or that were changed, are refused; those of other issuers are left to others", async (t) => {
  const { clock, tokens, request } = await accounts();
  const { token } = await tokens.issue(request);
  const [head = "", body = "", signature = ""] = token.split(".");
  const changed = JSON.parse(Buffer.from(body, "base64url").toString()) as { sub: string };
  changed.sub = "system:serviceaccount:kube-system:root";
  const forged = Buffer.from(JSON.stringify(changed)).toString("base64url");
  await refused(t, tokens.verify(`${head}.${forged}.${signature}`), /signature/);
  const none = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
  await refused(t, tokens.verify(`${none}.${body}.`), /service account token/);
  const claims = { "kubernetes.io": { namespace: "shop", serviceaccount: { name: "web", uid: "u-web" } } };
  const sign = (key: ReturnType<typeof newKey>, issuer: string, subject: string) =>
    new SignJWT(claims).setProtectedHeader({ alg: "ES256" }).setIssuer(issuer).setSubject(subject).setAudience(issuer).setExpirationTime(Math.floor(clock.now() / 1_000) + 60).sign(key);
  await refused(t, tokens.verify(await sign(newKey(), "https://lichen.test", "system:serviceaccount:shop:web")), /signature/);
  t.is(await tokens.verify(await sign(newKey(), "https://elsewhere", "x")), undefined);
  for (const other of ["", "a.b.c", "abcdef.0123456789abcdef", "x".repeat(10_000)]) t.is(await tokens.verify(other), undefined);
  const second = await accounts();
  await refused(t, second.tokens.verify(token), /signature/);
  const hmac = await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).setIssuer("https://lichen.test").sign(Buffer.from(JSON.stringify(tokens.jwks())));
  await refused(t, tokens.verify(hmac), /service account token/);
});

test("claims that disagree with their subject are refused even when signed by us", async (t) => {
  const { clock, tokens, key } = await accounts();
  const token = await new SignJWT({ "kubernetes.io": { namespace: "shop", serviceaccount: { name: "web", uid: "u-web" } } })
    .setProtectedHeader({ alg: "ES256" })
    .setIssuer("https://lichen.test")
    .setSubject("system:serviceaccount:kube-system:root")
    .setAudience("https://lichen.test")
    .setExpirationTime(Math.floor(clock.now() / 1_000) + 60)
    .sign(key);
  await refused(t, tokens.verify(token), /subject and claims differ/);
});

test("a token without an end lives as long as its Secret", async (t) => {
  const { clock, uids, tokens, request, key } = await accounts();
  await t.throwsAsync(tokens.issue({ ...request, ttlSeconds: undefined }), { message: /bound to a Secret/ });
  uids.set("Secret shop/token", "u-secret");
  const { token, expires } = await tokens.issue({ ...request, ttlSeconds: undefined, boundTo: { kind: "Secret", name: "token", uid: "u-secret" } });
  t.is(expires, Infinity);
  await clock.advance(10_000 * HOUR);
  t.is((await tokens.verify(token))?.user.name, "system:serviceaccount:shop:web");
  uids.delete("Secret shop/token");
  await refused(t, tokens.verify(token), /its Secret is gone/);
  const endless = await new SignJWT({ "kubernetes.io": { namespace: "shop", serviceaccount: { name: "web", uid: "u-web" } } })
    .setProtectedHeader({ alg: "ES256" })
    .setIssuer("https://lichen.test")
    .setSubject("system:serviceaccount:shop:web")
    .setAudience("https://lichen.test")
    .sign(key);
  await refused(t, tokens.verify(endless), /no end/);
});

test("a listed proxy says who the user is, nobody else does", async (t) => {
  const pki = await openPki(directory);
  const certificateOf = async (commonName: string) => new X509Certificate((await pki.issueClient({ commonName, ttlMs: HOUR })).certificate).raw;
  const authenticate = requestHeaderAuthenticator({ proxies: ["front"], certificate: certificateAuthenticator({ clock: systemClock }) });
  const headers = (more: Record<string, string> = {}) => {
    const all: Record<string, string> = { "x-remote-user": "jane", "x-remote-group": "dev, ops", "x-remote-uid": "7", ...more };
    return (name: string) => all[name];
  };
  const front = await certificateOf("front");
  t.deepEqual(await authenticate({ certificate: front, headers: headers() }), { name: "jane", uid: "7", groups: ["dev", "ops", "system:authenticated"] });
  t.is(await authenticate({ certificate: await certificateOf("jane"), headers: headers() }), undefined);
  t.is(await authenticate({ headers: headers() }), undefined);
  t.is(await authenticate({ certificate: front, headers: () => undefined }), undefined);
  await refused(t, authenticate({ certificate: front, headers: headers({ "x-remote-group": "system:masters" }) }), /named the group/);
});

test("published keys verify tokens, and carry nothing private", async (t) => {
  const { clock, tokens, request } = await accounts();
  const { token } = await tokens.issue(request);
  const jwks = tokens.jwks();
  t.deepEqual(Object.keys(jwks.keys[0] ?? {}).toSorted(), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
  const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: [...jwks.keys] }), { currentDate: new Date(clock.now()) });
  t.is(payload.sub, "system:serviceaccount:shop:web");
  t.like(tokens.openidConfiguration(), { issuer: "https://lichen.test", jwks_uri: "https://lichen.test/openid/v1/jwks" });
});

test("the chain asks in order, stops at a refusal and logs why without the credential", async (t) => {
  const logged: unknown[] = [];
  const record = (fields: unknown, message: string) => void logged.push([fields, message]);
  const log = { debug: record, info: record, warn: record, error: record, child: () => log };
  const statics = staticTokenAuthenticator([["good", { name: "ci", groups: [] }]]);
  const bootstrap = bootstrapTokenAuthenticator(() => undefined, virtualClock());
  const authenticate = authenticatorChain([nobody, bootstrap, statics], log);
  t.is((await authenticate(presented({ bearer: "good" })))?.name, "ci");
  t.is(await authenticate(presented({ bearer: "bad" })), undefined);
  t.is(await authenticate(presented({})), undefined);
  await refused(t, authenticate(presented({ bearer: "abcdef.0123456789abcdef" })), /unknown/);
  t.is(logged.length, 1);
  t.false(JSON.stringify(logged).includes("0123456789abcdef"));
});

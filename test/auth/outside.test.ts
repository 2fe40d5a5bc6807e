/** Authenticators and authorizers that ask others: OpenID providers and webhooks, over HTTP on loopback. */
import test from "ava";
import type { ExecutionContext } from "ava";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SignJWT, exportJWK } from "jose";
import { silentLog } from "../../core/api/log.ts";
import { ApiError } from "../../core/api/status.ts";
import type { Credentials } from "../../core/auth/auth.ts";
import { oidcAuthenticator } from "../../core/auth/authn/oidc.ts";
import { webhookAuthenticator } from "../../core/auth/authn/webhook.ts";
import { webhookAuthorizer } from "../../core/auth/authz/webhook.ts";
import { newKey, publicKeyOf } from "../../core/auth/pki/keys.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const presented = (bearer: string): Credentials => ({ bearer, headers: () => undefined });

async function refused(t: ExecutionContext, run: Promise<unknown>, why: RegExp): Promise<void> {
  const error = await t.throwsAsync<ApiError>(run, { instanceOf: ApiError });
  t.is(error.reason, "Unauthorized");
  t.regex(String(error.cause), why);
}

/** A service on loopback that answers with what `answer` returns; a number is a status without a body. */
async function service(t: ExecutionContext, answer: (path: string, body: unknown) => unknown): Promise<string> {
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => {
      const value = answer(request.url ?? "", text === "" ? undefined : JSON.parse(text));
      if (typeof value === "number") response.writeHead(value).end();
      else response.end(typeof value === "string" ? value : JSON.stringify(value));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function provider(t: ExecutionContext) {
  const issuer = "https://id.example";
  const clock = virtualClock();
  const key = newKey();
  const state = { keys: [{ ...(await exportJWK(publicKeyOf(key))), kid: "one" }], issuer, readings: 0 };
  const url = await service(t, (path) => {
    if (path === "/.well-known/openid-configuration") return { issuer: state.issuer, jwks_uri: `${issuer}/keys` };
    state.readings += 1;
    return { keys: state.keys };
  });
  // The provider's https name leads to the service on loopback.
  const toLoopback: typeof fetch = (target, init) => fetch(String(target).replace(issuer, url), init);
  const sign = (claims: Record<string, unknown>, options: { kid?: string; key?: typeof key; audience?: string; seconds?: number } = {}) =>
    new SignJWT({ sub: "u1", email: "jane@example.com", groups: ["dev"], ...claims })
      .setProtectedHeader({ alg: "ES256", kid: options.kid ?? "one" })
      .setIssuer(issuer)
      .setAudience(options.audience ?? "lichen")
      .setExpirationTime(Math.floor(clock.now() / 1_000) + (options.seconds ?? 60))
      .sign(options.key ?? key);
  return { issuer, clock, key, state, sign, fetch: toLoopback };
}

test("an ID token is a user with prefixed names", async (t) => {
  const { issuer, clock, sign, fetch: toProvider } = await provider(t);
  const base = { issuer, clientIds: ["lichen"], clock, fetch: toProvider };
  t.deepEqual(await oidcAuthenticator(base)(presented(await sign({}))), { name: `${issuer}#u1`, groups: ["system:authenticated"] });
  const named = oidcAuthenticator({ ...base, usernameClaim: "email", groupsClaim: "groups", groupsPrefix: "oidc:" });
  t.deepEqual(await named(presented(await sign({}))), { name: "jane@example.com", groups: ["oidc:dev", "system:authenticated"] });
  await refused(t, named(presented(await sign({ email_verified: false }))), /not verified/);
  const bare = oidcAuthenticator({ ...base, usernamePrefix: "", groupsClaim: "groups" });
  await refused(t, bare(presented(await sign({ groups: ["system:masters"] }))), /begins with system:/);
  await refused(t, bare(presented(await sign({ sub: "system:kube-scheduler" }))), /begins with system:/);
  const strict = oidcAuthenticator({ ...base, required: { hd: "example.com" } });
  await refused(t, strict(presented(await sign({}))), /claim hd/);
  t.truthy(await strict(presented(await sign({ hd: "example.com" }))));
});

test("ID tokens of others, for others, too old or without end are refused", async (t) => {
  const { issuer, clock, key, sign, fetch: toProvider } = await provider(t);
  const login = oidcAuthenticator({ issuer, clientIds: ["lichen"], clock, fetch: toProvider });
  await refused(t, login(presented(await sign({}, { audience: "other" }))), /"aud"/);
  await refused(t, login(presented(await sign({}, { seconds: -1 }))), /"exp"/);
  await refused(t, login(presented(await sign({}, { key: newKey() }))), /signature/);
  const endless = await new SignJWT({ sub: "u1" }).setProtectedHeader({ alg: "ES256", kid: "one" }).setIssuer(issuer).setAudience("lichen").sign(key);
  await refused(t, login(presented(endless)), /"exp"/);
  t.is(await login(presented("not.a.jwt")), undefined);
  t.is(await login({ headers: () => undefined }), undefined);
});

test("a new key of the provider is found, unknown keys do not make it a target", async (t) => {
  const { issuer, clock, state, sign, fetch: toProvider } = await provider(t);
  const login = oidcAuthenticator({ issuer, clientIds: ["lichen"], clock, fetch: toProvider });
  await login(presented(await sign({})));
  t.is(state.readings, 1);
  const second = newKey();
  state.keys.push({ ...(await exportJWK(publicKeyOf(second))), kid: "two" });
  const token = () => sign({}, { kid: "two", key: second, seconds: 600 });
  for (let count = 0; count < 3; count += 1) await refused(t, login(presented(await token())), /no applicable key/);
  t.is(state.readings, 1);
  await clock.advance(30_000);
  t.truthy(await login(presented(await token())));
  t.is(state.readings, 2);
});

test("a provider that calls itself something else is not trusted, and is asked again later", async (t) => {
  const { issuer, clock, state, sign, fetch: toProvider } = await provider(t);
  const login = oidcAuthenticator({ issuer, clientIds: ["lichen"], clock, fetch: toProvider });
  state.issuer = "https://evil.example";
  await refused(t, login(presented(await sign({}))), /calls itself https:\/\/evil/);
  state.issuer = issuer;
  await refused(t, login(presented(await sign({}))), /trying again soon/);
  await clock.advance(30_000);
  t.truthy(await login(presented(await sign({}))));
  t.throws(() => oidcAuthenticator({ issuer: "http://plain", clientIds: [], clock }), { message: /https URL/ });
});

test("a webhook knows tokens, and is asked once in two minutes", async (t) => {
  const clock = virtualClock();
  const asked: unknown[] = [];
  const url = await service(t, (_, body) => {
    asked.push(body);
    const { token } = (body as { spec: { token: string } }).spec;
    if (token === "down") return 500;
    if (token === "rubbish") return "<html>";
    if (token === "nameless") return { status: { authenticated: true } };
    return { status: { authenticated: token === "good", user: { username: "bob", uid: "7", groups: ["g"], extra: { k: ["v"] } } } };
  });
  const login = webhookAuthenticator({ url, clock });
  const bob = { name: "bob", uid: "7", groups: ["g", "system:authenticated"], extra: { k: ["v"] } };
  t.deepEqual(await Promise.all([login(presented("good")), login(presented("good"))]), [bob, bob]);
  t.deepEqual(await login(presented("good")), bob);
  t.is(asked.length, 1);
  t.like(asked[0], { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token: "good" } });
  await clock.advance(120_000);
  await login(presented("good"));
  t.is(asked.length, 2);
  t.is(await login(presented("bad")), undefined);
  for (const token of ["down", "rubbish", "nameless"]) {
    await refused(t, login(presented(token)), /webhook/);
    const before = asked.length;
    await refused(t, login(presented(token)), /webhook/);
    t.is(asked.length, before + 1, "a failure is not kept");
  }
});

test("a webhook allows, denies or has no opinion; silence never allows", async (t) => {
  const clock = virtualClock();
  const asked: unknown[] = [];
  let status: unknown = { allowed: true, reason: "because" };
  const url = await service(t, (_, body) => {
    asked.push(body);
    return status === undefined ? 503 : { status };
  });
  const authorizer = webhookAuthorizer({ url, clock, log: silentLog });
  const ask = (verb: string) =>
    authorizer.authorize({ user: { name: "jane", groups: ["dev"] }, verb, resource: { group: "apps", version: "v1", plural: "deployments", namespace: "a", name: "x" } });
  t.deepEqual(await ask("get"), { allowed: true, reason: "because" });
  t.like(asked[0], { kind: "SubjectAccessReview", spec: { user: "jane", groups: ["dev"], resourceAttributes: { verb: "get", group: "apps", version: "v1", resource: "deployments", namespace: "a", name: "x" } } });
  status = { allowed: false, denied: true, reason: "no" };
  t.deepEqual(await ask("get"), { allowed: true, reason: "because" });
  t.deepEqual(await ask("delete"), { allowed: false, denied: true, reason: "no" });
  await clock.advance(30_000);
  status = undefined;
  t.deepEqual(await ask("delete"), { allowed: false, denied: false, reason: "" });
  await authorizer.authorize({ user: { name: "jane", groups: [] }, verb: "get", path: "/metrics" });
  t.like(asked.at(-1), { spec: { nonResourceAttributes: { path: "/metrics", verb: "get" } } });
});

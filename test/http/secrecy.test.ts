/** What a user may not see leaves no trace in any answer, and no way of writing a path leads around the rules. */
import test from "ava";
import fc from "fast-check";
import type { Authorizer } from "../../core/auth/auth.ts";
import { createApp } from "../../core/http/app.ts";
import { configMap, openApi } from "./support/api.ts";
import type { Api } from "./support/api.ts";

const verbs = new Set(["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]);

/** Jane has the ConfigMaps of the namespace "shop", and nothing else. */
const shopOnly: Authorizer = {
  async authorize(asked) {
    const mine =
      asked.user.name === "jane" &&
      "resource" in asked &&
      verbs.has(asked.verb) &&
      asked.resource.namespace === "shop" &&
      asked.resource.group === "" &&
      asked.resource.plural === "configmaps" &&
      (asked.resource.subresource ?? "") === "";
    return mine ? { allowed: true, reason: "" } : { allowed: false, denied: false, reason: "" };
  },
};

const jane = { authorization: "Bearer jane" };
const hidden = "hidden-value";

async function shop(): Promise<Api> {
  const api = await openApi({}, [shopOnly]);
  for (const name of ["shop", "vault"]) await api.send("POST", "/api/v1/namespaces", { body: { apiVersion: "v1", kind: "Namespace", metadata: { name } } });
  await api.send("POST", "/api/v1/namespaces/shop/configmaps", { body: configMap("mine", { k: "own-value" }) });
  await api.send("POST", "/api/v1/namespaces/vault/configmaps", { body: configMap("theirs", { k: hidden }) });
  await api.send("POST", "/api/v1/namespaces/shop/secrets", { body: { apiVersion: "v1", kind: "Secret", metadata: { name: "theirs" }, stringData: { k: hidden } } });
  return api;
}

const step = fc.constantFrom(
  "api", "v1", "apis", "watch", "namespaces", "shop", "vault", "configmaps", "secrets", "mine", "theirs", "..", ".", "",
  "%2e%2e", "%2E.", ".%2e", "%2f", "shop%2f..%2fvault", "shop%2Fsecrets", "%73ecrets", "SECRETS", "Secrets", "secrets;", "secrets%00", "secrets%20", "%252e%252e", "shop\\..\\vault", "status", "proxy", "scale",
);
const start = fc.constantFrom("/api/v1/namespaces/shop/configmaps", "/api/v1/namespaces/shop", "/api/v1/namespaces", "/api/v1/watch/namespaces/shop/configmaps", "/api/v1", "/api//v1/namespaces/shop/configmaps", "//api/v1/namespaces/vault", "");
const query = fc.constantFrom("", "?namespace=vault", "?fieldSelector=metadata.namespace%3Dvault", "?fieldSelector=metadata.name%3Dtheirs", "?resourceVersion=0", "?limit=1", "?watch=0", "?x=/../../vault");

test("no way of writing a path reaches what the rules keep away", async (t) => {
  const api = await shop();
  await fc.assert(
    fc.asyncProperty(start, fc.array(step, { maxLength: 5 }), query, fc.constantFrom("GET", "HEAD", "DELETE", "PUT"), async (from, steps, search, method) => {
      const path = [from, ...steps].join("/") + search;
      const response = await api.send(method, path, { headers: jane, ...(method === "PUT" ? { body: configMap("theirs", { k: "overwritten" }) } : {}) });
      const streams = response.headers.get("content-type")?.startsWith("application/json") === true && /watch/.test(path) && response.ok;
      if (streams) await response.body?.cancel();
      else t.notRegex(await response.text(), new RegExp(`${hidden}|${Buffer.from(hidden).toString("base64")}`), `${method} ${path}`);
    }),
    { numRuns: 600 },
  );
  const kept = await api.send("GET", "/api/v1/namespaces/vault/configmaps/theirs");
  t.like(await kept.json(), { data: { k: hidden } });
  t.is((await api.send("GET", "/api/v1/namespaces/shop/secrets/theirs")).status, 200);
  t.deepEqual(api.errors, []);
});

test("answers do not tell whether what is hidden exists", async (t) => {
  const api = await shop();
  const places = ["/api/v1/namespaces/vault/configmaps", "/api/v1/namespaces/shop/secrets", "/api/v1/namespaces/vault/secrets"];
  const patch = { "content-type": "application/merge-patch+json" };
  for (const place of places) {
    for (const [method, more] of [["GET", {}], ["DELETE", {}], ["PUT", {}], ["PATCH", patch], ["HEAD", {}]] as const) {
      for (const rest of ["", "/status", "/nothing", "?dryRun=All", "?fieldManager=x&force=true"]) {
        const ask = async (name: string) => {
          const body = method === "PUT" || method === "PATCH" ? { body: configMap(name) } : {};
          const response = await api.send(method, `${place}/${name}${rest}`, { headers: { ...jane, ...more }, ...body });
          return `${response.status} ${(await response.text()).replaceAll(name, "NAME")}`;
        };
        t.is(await ask("theirs"), await ask("absent"), `${method} ${place}${rest}`);
      }
    }
    for (const selector of ["?fieldSelector=metadata.name%3Dtheirs", "?labelSelector=a", "?limit=1", "?watch=1", "?resourceVersion=1&resourceVersionMatch=Exact"]) {
      t.is((await api.send("GET", place + selector, { headers: jane })).status, 403, place + selector);
    }
    const created = async (name: string) => {
      const response = await api.send("POST", place, { headers: jane, body: configMap(name) });
      return `${response.status} ${(await response.text()).replaceAll(name, "NAME")}`;
    };
    t.is(await created("theirs"), await created("absent"));
  }
  const namespaces = async (name: string) => (await (await api.send("GET", `/api/v1/namespaces/${name}/pods`, { headers: jane })).text()).replaceAll(name, "NAME");
  t.is(await namespaces("vault"), await namespaces("nowhere"));
});

test("mistakes are told to those only who may make the request", async (t) => {
  const api = await shop();
  const secrets = "/api/v1/namespaces/shop/secrets";
  const mine = "/api/v1/namespaces/shop/configmaps";
  const mistakes: readonly (readonly [method: string, rest: string, headers: Record<string, string>, body?: string])[] = [
    ["POST", "", {}, "{"],
    ["POST", "", { "content-type": "text/plain" }, "x"],
    ["POST", "", { accept: "text/html" }, "{}"],
    ["POST", "", {}, "x".repeat(3 * 1024 * 1024 + 1)],
    ["POST", "?dryRun=Some", {}, "{}"],
    ["PUT", "/mine", {}, "[]"],
    ["PATCH", "/mine", { "content-type": "application/json-patch+json" }, "{}"],
    ["PATCH", "/mine", { "content-type": "text/plain" }, "{}"],
    ["DELETE", "/mine?propagationPolicy=Never", {}],
    ["GET", "?limit=many", {}],
    ["GET", "?watch=1&resourceVersionMatch=Exact", {}],
    ["GET", "?labelSelector=%21%21", {}],
  ];
  for (const [method, rest, headers, body] of mistakes) {
    const ask = async (path: string) => (await api.send(method, path + rest, { headers: { ...jane, ...headers }, ...(body === undefined ? {} : { body }) })).status;
    t.is(await ask(secrets), 403, `${method} ${rest} ${body?.slice(0, 5)}`);
    const own = await ask(mine);
    t.true(own >= 400 && own !== 403, `${method} ${rest}: ${own}`);
  }
});

test("lists and watches of all namespaces are not a way around the rules of one", async (t) => {
  const api = await shop();
  for (const path of ["/api/v1/configmaps", "/api/v1/configmaps?watch=1", "/api/v1/watch/configmaps", "/api/v1/configmaps?fieldSelector=metadata.namespace%3Dshop", "/api/v1/namespaces/configmaps"]) {
    t.is((await api.send("GET", path, { headers: jane })).status, 403, path);
  }
  t.is((await api.send("DELETE", "/api/v1/namespaces/vault/configmaps", { headers: jane })).status, 403);
  const other = await api.send("POST", "/api/v1/namespaces/shop/configmaps", { headers: jane, body: { ...configMap("x"), metadata: { name: "x", namespace: "vault" } } });
  t.is(other.status, 400);
});

test("nobody acts as somebody else without the right to each part of it", async (t) => {
  const mayBeBob: Authorizer = {
    async authorize(asked) {
      const bob = asked.user.name === "jane" && asked.verb === "impersonate" && "resource" in asked && asked.resource.plural === "users" && asked.resource.name === "bob";
      return bob ? { allowed: true, reason: "" } : { allowed: false, denied: false, reason: "" };
    },
  };
  const api = await openApi({}, [mayBeBob]);
  const whoAmI = async (headers: Record<string, string>) =>
    await api.send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", { headers: { ...jane, ...headers }, body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" } });
  const asBob = await whoAmI({ "impersonate-user": "bob" });
  t.like(await asBob.json(), { status: { userInfo: { username: "bob", groups: ["system:authenticated"] } } });
  const refused: readonly Record<string, string>[] = [
    { "impersonate-user": "admin" },
    { "impersonate-user": "bob", "impersonate-group": "system:masters" },
    { "impersonate-user": "bob", "Impersonate-Group": "system:nodes" },
    { "impersonate-user": "bob", "impersonate-uid": "1" },
    { "impersonate-user": "bob", "impersonate-extra-scopes": "all" },
    { "impersonate-user": "bob", "impersonate-extra-%73copes": "all" },
    { "impersonate-user": "system:serviceaccount:kube-system:default" },
    { "impersonate-user": "system:node:pi" },
  ];
  for (const headers of refused) t.is((await whoAmI(headers)).status, 403, JSON.stringify(headers));
  for (const headers of [{ "impersonate-group": "system:masters" }, { "impersonate-extra-a": "b" }, { "impersonate-uid": "1" }]) {
    t.is((await whoAmI(headers as Record<string, string>)).status, 400, JSON.stringify(headers));
  }
});

test("a body that nobody may send is not read", async (t) => {
  const api = await shop();
  const app = createApp(api.services, api.closing.signal);
  let read = 0;
  const body = () => new ReadableStream<Uint8Array>({ pull: () => void read++ }, { highWaterMark: 0 });
  for (const [method, path] of [["POST", "configmaps"], ["PUT", "configmaps/a"], ["PATCH", "configmaps/a"], ["DELETE", "configmaps/a"], ["DELETE", "configmaps"]] as const) {
    const headers = { ...jane, "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" };
    const sent: RequestInit & { readonly duplex: "half" } = { method, headers, body: body(), duplex: "half" };
    const response = await app.request(`https://localhost/api/v1/namespaces/vault/${path}`, sent);
    t.is(response.status, 403, `${method} ${path}`);
  }
  t.is(read, 0);
});

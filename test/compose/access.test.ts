import test from "ava";
import { accessConfig } from "../../core/access-config.ts";
import { parseTokens } from "../../core/compose/access.ts";
import { webhookTarget } from "../../core/compose/webhook-target.ts";

test("flags that need each other say so; defaults are those of kube-apiserver", (t) => {
  t.throws(() => accessConfig({ oidcIssuerUrl: "https://id.example" }), { message: /--oidc-client-id/ });
  t.throws(() => accessConfig({ oidcIssuerUrl: "http://id.example", oidcClientId: "x" }), { message: /https/ });
  t.throws(() => accessConfig({ auditLogPath: "/x" }), { message: /--audit-policy-file/ });
  t.throws(() => accessConfig({ featureGates: ["CBOR"] }), { message: /Name=true/ });
  t.true(accessConfig({ featureGates: ["Other=false", "CBORServingAndStorage=true"] }).cbor);
  t.like(accessConfig({}), { anonymous: true, cbor: false, limits: { reads: 400, writes: 200, fairness: true } });
  t.like(accessConfig({ oidcIssuerUrl: "https://id.example", oidcClientId: "x", oidcUsernamePrefix: "-", oidcRequiredClaim: ["a=b=c"] }).oidc, { usernamePrefix: "", required: { a: "b=c" } });
});

test("token files: quoted groups, and mistakes by line without the token", (t) => {
  t.deepEqual(parseTokens('abc,jane,1,"dev,ops"\n\nxyz,bob,2\n'), [
    ["abc", { name: "jane", uid: "1", groups: ["dev", "ops"] }],
    ["xyz", { name: "bob", uid: "2", groups: [] }],
  ]);
  const error = t.throws(() => parseTokens("abc,jane,1\ntopsecret,bob\n"), { message: /line 2/ });
  t.notRegex(error?.message ?? "", /topsecret/);
});

test("a webhook's kubeconfig", (t) => {
  const text = `
clusters: [{ name: c, cluster: { server: "https://authn.example/review", certificate-authority: /ca.pem } }]
users: [{ name: u, user: { token: t0ken } }]
contexts: [{ name: x, context: { cluster: c, user: u } }]
current-context: x
`;
  const target = webhookTarget(text, (path) => `pem of ${path}`);
  t.is(target.url, "https://authn.example/review");
  t.deepEqual(target.headers, { authorization: "Bearer t0ken" });
  t.throws(() => webhookTarget(text.replace("https:", "http:"), () => ""), { message: /https URL/ });
});

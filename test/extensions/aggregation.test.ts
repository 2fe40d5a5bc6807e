import test from "ava";
import { API_SERVICES, SERVICES } from "../../core/api/resources.gen.ts";
import { admin } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { httpsServer } from "./support/https-server.ts";
import { plane } from "./support/plane.ts";

const METRICS = "metrics.example.com";

test("a group version of another server is found, passed on with who asks, and taken back", async (t) => {
  const { client, kinds, extensions, pki, settled } = await plane(t);
  const { port } = await httpsServer(
    t,
    (request) => {
      if (request.url === `/apis/${METRICS}/v1`) {
        return { body: { kind: "APIResourceList", apiVersion: "v1", groupVersion: `${METRICS}/v1`, resources: [{ name: "gauges", singularName: "gauge", kind: "Gauge", namespaced: true, verbs: ["get", "list"] }] } };
      }
      const { "x-remote-user": user, "x-remote-group": groups, authorization, "x-asked": asked } = request.headers;
      return { status: 203, body: { path: request.url, user, groups, authorization, asked } };
    },
    pki.caCertificate,
  );
  const external = { type: "ExternalName", externalName: "localhost" };
  await client.create(SERVICES, { apiVersion: "v1", kind: "Service", metadata: { name: "metrics", namespace: "default" }, spec: external });
  const spec = { group: METRICS, version: "v1", service: { namespace: "default", name: "metrics", port }, insecureSkipTLSVerify: true, groupPriorityMinimum: 100, versionPriority: 100 };
  const name = `v1.${METRICS}`;
  await client.create(API_SERVICES, { apiVersion: "apiregistration.k8s.io/v1", kind: "APIService", metadata: { name }, spec });
  await eventually("the server is asked", async () => {
    await settled();
    return (await client.get(API_SERVICES, { name })).status?.conditions?.[0]?.reason === "Passed";
  });
  t.deepEqual(kinds.byResource(METRICS, "v1", "gauges")?.verbs, ["get", "list"]);

  const ask = new Request(`https://server/apis/${METRICS}/v1/namespaces/default/gauges/x?a=b`, { headers: { authorization: "Bearer secret", "x-remote-user": "forged", "x-asked": "yes" } });
  const response = await extensions.delegate(METRICS, "v1")?.(ask, admin);
  t.is(response?.status, 203);
  t.deepEqual(await response?.json(), { path: `/apis/${METRICS}/v1/namespaces/default/gauges/x?a=b`, user: "admin", groups: admin.groups.join(", "), asked: "yes" });

  await client.delete(API_SERVICES, { name });
  await settled();
  t.is(kinds.byResource(METRICS, "v1", "gauges"), undefined);
  t.is(extensions.delegate(METRICS, "v1"), undefined);
});

test("a service that is not there is said to be missing, and its group version unavailable", async (t) => {
  const { client, extensions, settled } = await plane(t);
  const spec = { group: METRICS, version: "v1", service: { namespace: "default", name: "none" }, insecureSkipTLSVerify: true, groupPriorityMinimum: 100, versionPriority: 100 };
  await client.create(API_SERVICES, { apiVersion: "apiregistration.k8s.io/v1", kind: "APIService", metadata: { name: `v1.${METRICS}` }, spec });
  await settled();
  const { status } = await client.get(API_SERVICES, { name: `v1.${METRICS}` });
  t.like(status?.conditions?.[0], { status: "False", reason: "ServiceNotFound", message: 'service/none in "default" is not present' });
  t.is((await extensions.delegate(METRICS, "v1")?.(new Request(`https://server/apis/${METRICS}/v1/gauges`), admin))?.status, 503);
});

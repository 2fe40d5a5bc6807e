/** How clients find what is served: legacy and aggregated discovery, the version, and what is no table. */
import assert from "node:assert/strict";
import { SELF_SUBJECT_ACCESS_REVIEWS } from "../../../core/api/resources.gen.ts";
import type { APIGroup, APIResourceList } from "../../../core/api/types.gen.ts";
import { eventually } from "../../support/eventually.ts";
import type { Api } from "../support/api.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { establish } from "../support/custom-resource.ts";

interface AggregatedVersion {
  readonly version: string;
  readonly freshness?: string;
  readonly resources: readonly { readonly resource: string; readonly verbs: readonly string[]; readonly scope: string; readonly responseKind: { readonly kind: string }; readonly subresources?: readonly { readonly subresource: string }[] }[];
}
interface Aggregated {
  readonly kind: string;
  readonly apiVersion: string;
  readonly items: readonly { readonly metadata: { readonly name?: string }; readonly versions: readonly AggregatedVersion[] }[];
}

const V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const aggregated = (api: Api, path: string, accept = `${V2},application/json`) => api.send<Aggregated>("GET", path, { headers: { accept } });
const versionOf = (list: Aggregated, group: string, version: string) => list.items.find(({ metadata }) => (metadata.name ?? "") === group)?.versions.find((one) => one.version === version);

/** Every resource of legacy discovery is in the aggregated one. */
async function sameAsLegacy(api: Api): Promise<void> {
  const core = (await aggregated(api, "/api")).json;
  const groups = (await aggregated(api, "/apis")).json;
  for (const list of [core, groups]) {
    // groups of other tests' definitions come and go
    for (const { metadata, versions } of list.items.filter((item) => item.metadata.name?.endsWith(".example.com") !== true)) {
      for (const { version, resources, freshness } of versions) {
        assert.equal(freshness, "Current");
        const legacy = await api.read<APIResourceList>((metadata.name ?? "") === "" ? `/api/${version}` : `/apis/${metadata.name}/${version}`);
        assert.deepEqual(resources.map(({ resource }) => resource).toSorted(), legacy.resources.map(({ name }) => name).filter((name) => !name.includes("/")).toSorted());
        const subresources = resources.flatMap((one) => (one.subresources ?? []).map(({ subresource }) => `${one.resource}/${subresource}`));
        assert.deepEqual(subresources.toSorted(), legacy.resources.map(({ name }) => name).filter((name) => name.includes("/")).toSorted());
      }
    }
  }
}

async function customInAggregated(c: Context): Promise<void> {
  const { group, plural, kind } = await establish(c, {});
  const found = await eventually("the resource is discovered", async () => versionOf((await aggregated(c.api, "/apis")).json, group, "v1")?.resources.find(({ resource }) => resource === plural));
  assert.equal(found.responseKind.kind, kind);
  assert.equal(found.scope, "Namespaced");
  for (const verb of ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]) assert.ok(found.verbs.includes(verb));
}

export const discovery = [
  conformance("[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface", async ({ api }) => {
    const groups = (await aggregated(api, "/apis")).json;
    for (const group of ["admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "authentication.k8s.io", "authorization.k8s.io", "autoscaling", "batch", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io", "networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io"]) {
      assert.ok(versionOf(groups, group, "v1") !== undefined, group);
    }
    assert.ok(versionOf((await aggregated(api, "/api")).json, "", "v1")?.resources.some(({ resource }) => resource === "pods"));
    await sameAsLegacy(api);
  }),
  conformance("[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface for CRDs", customInAggregated),
  conformance("[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers", async ({ api }) => {
    for (const path of ["/api", "/apis"]) {
      const reply = await aggregated(api, path);
      assert.equal(reply.status, 200);
      const parts = (reply.headers["content-type"] ?? "").split(";").map((part) => part.trim());
      for (const part of V2.split(";")) assert.ok(parts.includes(part), `${path}: ${reply.headers["content-type"]}`);
      assert.deepEqual([reply.json.kind, reply.json.apiVersion], ["APIGroupDiscoveryList", "apidiscovery.k8s.io/v2"]);
      // between two requests another test may define a resource
      await eventually("an unchanged document is not sent again", async () => {
        const { headers } = await aggregated(api, path);
        return (await api.send("GET", path, { headers: { accept: `${V2},application/json`, "if-none-match": headers.etag ?? "" } })).status === 304;
      });
      const plain = await aggregated(api, path, "application/json");
      assert.equal(plain.json.kind, path === "/api" ? "APIVersions" : "APIGroupList");
    }
  }),
  conformance("[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery request for CRDs", async (c) => {
    await customInAggregated(c);
    const reply = await aggregated(c.api, "/apis", V2);
    assert.equal(reply.json.apiVersion, "apidiscovery.k8s.io/v2");
    assert.ok(reply.json.items.some(({ metadata }) => metadata.name === `${c.unique}.example.com`));
  }),

  conformance("[sig-api-machinery] Discovery should locate the groupVersion and a resource within each APIGroup", async ({ api }) => {
    const expected: readonly (readonly [string, string])[] = [
      ["admissionregistration.k8s.io/v1", "validatingwebhookconfigurations"], ["apiextensions.k8s.io/v1", "customresourcedefinitions"], ["apiregistration.k8s.io/v1", "apiservices"], ["apps/v1", "deployments"],
      ["authentication.k8s.io/v1", "tokenreviews"], ["authorization.k8s.io/v1", "selfsubjectaccessreviews"], ["autoscaling/v1", "horizontalpodautoscalers"], ["autoscaling/v2", "horizontalpodautoscalers"], ["batch/v1", "jobs"],
      ["certificates.k8s.io/v1", "certificatesigningrequests"], ["coordination.k8s.io/v1", "leases"], ["discovery.k8s.io/v1", "endpointslices"], ["events.k8s.io/v1", "events"], ["networking.k8s.io/v1", "ingresses"],
      ["node.k8s.io/v1", "runtimeclasses"], ["policy/v1", "poddisruptionbudgets"], ["rbac.authorization.k8s.io/v1", "roles"], ["scheduling.k8s.io/v1", "priorityclasses"], ["storage.k8s.io/v1", "csinodes"],
    ];
    const { groups } = await api.read<{ readonly groups: readonly APIGroup[] } & { readonly kind: string }>("/apis");
    for (const [groupVersion, resource] of expected) {
      assert.ok(groups.some(({ versions }) => versions.some((one) => one.groupVersion === groupVersion)), groupVersion);
      const list = await api.read<APIResourceList>(`/apis/${groupVersion}`);
      assert.equal(list.groupVersion, groupVersion);
      assert.ok(list.resources.some(({ name }) => name === resource), resource);
    }
  }),
  conformance("[sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup", async ({ api }) => {
    const { groups } = await api.read<{ readonly groups: readonly APIGroup[] }>("/apis");
    assert.ok(groups.length > 10);
    // groups of other tests' definitions come and go
    for (const listed of groups.filter(({ name }) => !name.endsWith(".example.com"))) {
      const group = await api.read<APIGroup>(`/apis/${listed.name}`);
      assert.deepEqual(group.preferredVersion, listed.preferredVersion);
      assert.ok(group.versions.some(({ groupVersion }) => groupVersion === group.preferredVersion?.groupVersion), listed.name);
    }
  }),

  conformance("[sig-api-machinery] server version should find the server version", async ({ api }) => {
    const version = await api.read<{ readonly major: string; readonly minor: string; readonly gitVersion: string }>("/version");
    assert.match(version.major, /^[1-9]\d*$/);
    assert.match(version.minor, /^[1-9]\d*$/);
    assert.ok(version.gitVersion.startsWith(`v${version.major}.${version.minor}.`));
  }),

  conformance("[sig-api-machinery] Servers with support for Table transformation should return a 406 for a backend which does not implement metadata", async ({ api }) => {
    const reply = await api.send("POST", api.of(SELF_SUBJECT_ACCESS_REVIEWS).path, {
      headers: { accept: "application/json;as=Table;g=meta.k8s.io;v=v1" },
      body: { spec: { resourceAttributes: { verb: "get", resource: "pods", namespace: "default" } } },
    });
    assert.equal(reply.status, 406, reply.text);
  }),
];

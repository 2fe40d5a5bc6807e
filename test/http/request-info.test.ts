import test from "ava";
import { resourcePath } from "../../core/http/request-info.ts";
import { MalformedRequest, parseTarget } from "../../core/http/target.ts";

const infoOf = (path: string) => resourcePath(parseTarget(path).segments);

test("paths name group, version, namespace, resource, name and subresource", (t) => {
  const rows: [path: string, expected: object][] = [
    ["/api/v1/pods", { group: "", version: "v1", namespace: undefined, plural: "pods", name: undefined }],
    ["/api/v1/namespaces/a/pods/b", { namespace: "a", plural: "pods", name: "b", subresource: undefined }],
    ["/api/v1/namespaces/a/pods/b/status", { namespace: "a", plural: "pods", name: "b", subresource: "status" }],
    ["/api/v1/namespaces/a", { namespace: undefined, plural: "namespaces", name: "a" }],
    ["/api/v1/namespaces/a/finalize", { namespace: undefined, plural: "namespaces", name: "a", subresource: "finalize" }],
    ["/apis/apps/v1/namespaces/a/deployments/b/scale", { group: "apps", version: "v1", namespace: "a", plural: "deployments", name: "b", subresource: "scale" }],
    ["/api/v1/watch/namespaces/a/pods", { watch: true, namespace: "a", plural: "pods", name: undefined }],
    ["/api/v1/namespaces/a/services/b/proxy/x/y", { subresource: "proxy", rest: ["x", "y"] }],
    ["/api/v1/namespaces/a/configmaps/%61", { name: "a" }],
    ["/apis/rbac.authorization.k8s.io/v1/clusterroles/system:admin/", { name: "system:admin" }],
  ];
  for (const [path, expected] of rows) t.like(infoOf(path), expected, path);
});

test("discovery paths and others are no resources", (t) => {
  for (const path of ["/", "/api", "/api/v1", "/apis/apps/v1", "/apis/apps", "/healthz", "/version"]) t.is(infoOf(path), undefined, path);
});

test("paths that two readers could understand differently name nothing", (t) => {
  for (const path of ["/api/v1//pods", "/api/v1/../v1/pods", "/api/v1/%2e%2e/pods", "/api/v1/pods/a%2fb", "/api/v1/pods/a%5cb", "/api/v1/pods/%00", "//api", "/./api", "/api/v1/pods/%252e/.."]) {
    const { segments, misread } = parseTarget(path);
    t.deepEqual(segments, [], path);
    t.truthy(misread, path);
  }
  for (const path of ["/%zz", "/%ff", "https://host/api", "", "*"]) t.throws(() => parseTarget(path), { instanceOf: MalformedRequest }, path);
  t.throws(() => parseTarget(`/${"a".repeat(20_000)}`), { instanceOf: MalformedRequest, message: /414/ });
});

test("a slash at the end is kept in the path, and is no segment", (t) => {
  t.like(parseTarget("/healthz/"), { path: "/healthz/", segments: ["healthz"] });
  t.like(parseTarget("/"), { path: "/", segments: [] });
});

test("a double escape stays text", (t) => {
  t.deepEqual(parseTarget("/api/v1/pods/%252e%252e").segments, ["api", "v1", "pods", "%2e%2e"]);
});

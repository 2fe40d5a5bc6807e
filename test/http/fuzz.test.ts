/** Whatever comes in, the answer is one of the API's: never a crash, never a failure of ours. */
import fc from "fast-check";
import test from "ava";
import { encodeCbor } from "../../core/http/cbor.ts";
import { openApi } from "./support/api.ts";

const segment = fc.oneof(
  fc.constantFrom("api", "apis", "v1", "apps", "namespaces", "default", "configmaps", "pods", "nodes", "watch", "status", "scale", "log", "exec", "proxy", "a", "..", "%2f", "%2e%2e", "", "openapi", "v3", "healthz", "__proto__", "constructor"),
  fc.string({ maxLength: 8 }).map(encodeURIComponent),
);
const path = fc.array(segment, { maxLength: 9 }).map((parts) => `/${parts.join("/")}`);
const query = fc.array(
  fc.tuple(
    fc.constantFrom("limit", "continue", "resourceVersion", "resourceVersionMatch", "labelSelector", "fieldSelector", "timeoutSeconds", "dryRun", "fieldManager", "fieldValidation", "force", "pretty", "includeObject", "hash", "exclude", "gracePeriodSeconds", "propagationPolicy", "container", "tailLines", "sinceTime"),
    fc.oneof(fc.constantFrom("", "0", "-1", "true", "x", "All", "a=b", "a in (", "9999999999999999999"), fc.string({ maxLength: 12 })),
  ),
  { maxLength: 4 },
);
const accept = fc.constantFrom("*/*", "application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/cbor", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "text/html", ";;;,,,", "a/b;q=x");
const contentType = fc.constantFrom("application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/merge-patch+json", "application/json-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml", "application/cbor", "application/apply-patch+cbor", "text/plain", "");
const body = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.string({ maxLength: 60 }),
  fc.uint8Array({ maxLength: 60 }),
  fc.jsonValue({ maxDepth: 3 }).map((value) => Buffer.from(encodeCbor(value))),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.concat([Buffer.from("k8s\0"), bytes])),
  fc.record({ apiVersion: fc.constantFrom("v1", "apps/v1"), kind: fc.constantFrom("ConfigMap", "Pod", "Scale"), metadata: fc.oneof(fc.record({ name: fc.string({ maxLength: 5 }) }), fc.jsonValue()), data: fc.jsonValue() }).map((value) => JSON.stringify(value)),
);
const method = fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS");

test("paths, queries, headers and bodies of any kind", async (t) => {
  const api = await openApi({ cbor: true });
  await fc.assert(
    fc.asyncProperty(method, path, query, accept, contentType, body, async (verb, where, parameters, taking, type, content) => {
      const search = parameters.length === 0 ? "" : `?${new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value]))}`;
      const bodiless = verb === "GET" || verb === "HEAD";
      const response = await api.send(verb, where + search, {
        headers: { accept: taking, "content-type": type },
        ...(bodiless ? {} : { body: content as string }),
      });
      await response.text();
      t.deepEqual(api.errors, []);
      t.true(response.status >= 200 && response.status < 600);
    }),
    { numRuns: 400 },
  );
});

test("bodies of any kind on a path that takes them", async (t) => {
  const api = await openApi({ cbor: true });
  const maps = "/api/v1/namespaces/default/configmaps";
  await fc.assert(
    fc.asyncProperty(fc.constantFrom("POST", "PUT", "PATCH", "DELETE"), contentType, body, async (verb, type, content) => {
      const response = await api.send(verb, verb === "POST" ? maps : `${maps}/a?fieldManager=f`, { headers: { "content-type": type }, body: content as string });
      await response.text();
      t.deepEqual(api.errors, []);
    }),
    { numRuns: 400 },
  );
});

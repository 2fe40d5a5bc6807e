import test from "ava";
import { compareVersions } from "../../core/api/version-order.ts";
import { openApi } from "./support/api.ts";

const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

interface DiscoveryList {
  readonly kind: string;
  readonly items: { readonly metadata: { readonly name?: string }; readonly versions: { readonly version: string; readonly resources: { readonly resource: string; readonly subresources?: { readonly subresource: string }[] }[] }[] }[];
}

test("aggregated discovery has everything in two documents, and an ETag", async (t) => {
  const { send } = await openApi();
  const core = await send("GET", "/api", { headers: { accept: `${aggregated},application/json` } });
  t.is(core.headers.get("content-type"), aggregated);
  const list = (await core.json()) as DiscoveryList;
  t.deepEqual(list.items[0]?.metadata, {});
  const pods = list.items[0]?.versions[0]?.resources.find((each) => each.resource === "pods");
  t.true(pods?.subresources?.some((each) => each.subresource === "log"));
  const groups = (await (await send("GET", "/apis", { headers: { accept: aggregated } })).json()) as DiscoveryList;
  t.true(groups.items.some((each) => each.metadata.name === "apps"));
  const etag = core.headers.get("etag") ?? "";
  t.is((await send("GET", "/api", { headers: { accept: aggregated, "if-none-match": etag } })).status, 304);
});

test("discovery as it was before aggregation", async (t) => {
  const { send } = await openApi();
  t.like(await (await send("GET", "/api")).json(), { kind: "APIVersions", versions: ["v1"] });
  t.is(((await (await send("GET", "/apis")).json()) as { kind: string }).kind, "APIGroupList");
  t.like(await (await send("GET", "/apis/apps")).json(), { kind: "APIGroup", name: "apps", preferredVersion: { groupVersion: "apps/v1", version: "v1" } });
  const apps = (await (await send("GET", "/apis/apps/v1/")).json()) as { groupVersion: string; resources: { name: string; group?: string; verbs: string[] }[] };
  t.is(apps.groupVersion, "apps/v1");
  t.like(apps.resources.find((each) => each.name === "deployments/scale"), { group: "autoscaling", kind: "Scale" } as never);
  t.is((await send("GET", "/apis/none.example.com")).status, 404);
  t.is((await send("GET", "/api/v9")).status, 404);
  t.is((await send("POST", "/apis")).status, 200, "the roots answer every method");
  t.is((await send("POST", "/apis/apps/v1")).status, 405);
  t.is((await send("POST", "/apis/none.example.com")).status, 404);
});

test("versions stand in the order of their stability", (t) => {
  const sorted = ["v1alpha1", "v1", "foo", "v2beta1", "v2", "v1beta2", "v10"].toSorted(compareVersions);
  t.deepEqual(sorted, ["v10", "v2", "v1", "v2beta1", "v1beta2", "v1alpha1", "foo"]);
});

test("health: all checks, one, verbose, without some", async (t) => {
  let broken = false;
  const api = await openApi({
    checks: [
      { name: "store", live: true, check: () => {} },
      {
        name: "informers",
        live: false,
        check: () => {
          if (broken) throw new Error("not yet: secret");
        },
      },
    ],
  });
  const text = async (path: string) => {
    const response = await api.send("GET", path);
    return `${response.status} ${await response.text()}`;
  };
  t.is(await text("/readyz"), "200 ok");
  broken = true;
  t.regex(await text("/readyz"), /^500 .*\[\+\]store ok\n\[-\]informers failed: reason withheld\nreadyz check failed/s);
  t.is(await text("/livez"), "200 ok");
  t.regex(await text("/readyz?exclude=informers&verbose"), /^200 .*informers excluded: ok/s);
  t.is(await text("/readyz/store"), "200 ok");
  t.regex(await text("/readyz/informers"), /^500 /);
  t.notRegex(await text("/readyz"), /secret/);
  t.is((await api.send("GET", "/readyz/none")).status, 404);
  t.is((await api.send("POST", "/healthz")).status, 200);
});

test("the root lists paths; version numbers are numbers", async (t) => {
  const { send } = await openApi();
  const { paths } = (await (await send("GET", "/")).json()) as { paths: string[] };
  for (const path of ["/api/v1", "/apis/apps/v1", "/healthz", "/version", "/openapi/v3"]) t.true(paths.includes(path), path);
  const version = (await (await send("GET", "/version")).json()) as { major: string; minor: string };
  t.regex(`${version.major}.${version.minor}`, /^\d+\.\d+$/);
});

interface Document {
  readonly paths: { readonly [path: string]: { readonly [method: string]: { readonly parameters?: { readonly name: string }[]; readonly requestBody?: { readonly content: object }; readonly "x-kubernetes-group-version-kind"?: object; readonly "x-kubernetes-action"?: string } } };
  readonly components: { readonly schemas: object };
}

test("OpenAPI v3: what kubectl looks for is there, under an address that names its content", async (t) => {
  const { send } = await openApi();
  const { paths } = (await (await send("GET", "/openapi/v3")).json()) as { paths: { [path: string]: { serverRelativeURL: string } } };
  const address = paths["apis/apps/v1"]?.serverRelativeURL ?? "";
  const response = await send("GET", address);
  t.is(response.headers.get("cache-control"), "public, immutable");
  const document = (await response.json()) as Document;
  const patch = document.paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]?.["patch"];
  t.like(patch, { "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": { group: "apps", version: "v1", kind: "Deployment" } });
  t.true(patch?.parameters?.some((each) => each.name === "fieldValidation"));
  t.true(Object.keys(patch?.requestBody?.content ?? {}).includes("application/strategic-merge-patch+json"));
  t.true(Object.hasOwn(document.components.schemas, "io.k8s.api.apps.v1.Deployment"));

  const moved = await send("GET", "/openapi/v3/apis/apps/v1?hash=OLD");
  t.is(moved.status, 301);
  t.is(moved.headers.get("location"), address);
  const etag = response.headers.get("etag") ?? "";
  t.is((await send("GET", "/openapi/v3/apis/apps/v1", { headers: { "if-none-match": etag } })).status, 304);
  t.is((await send("GET", "/openapi/v3/apis/none/v1")).status, 404);
});

test("every reference of every OpenAPI document leads somewhere", async (t) => {
  const { send } = await openApi();
  const { paths } = (await (await send("GET", "/openapi/v3")).json()) as { paths: { [path: string]: { serverRelativeURL: string } } };
  for (const { serverRelativeURL } of Object.values(paths)) {
    const text = await (await send("GET", serverRelativeURL)).text();
    const { schemas } = (JSON.parse(text) as Document).components;
    for (const [, model = ""] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) if (!Object.hasOwn(schemas, model)) t.fail(`${serverRelativeURL}: ${model}`);
  }
  const second = await (await send("GET", "/openapi/v2")).text();
  const { definitions } = JSON.parse(second) as { definitions: object };
  for (const [, model = ""] of second.matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g)) if (!Object.hasOwn(definitions, model)) t.fail(model);
  t.pass();
});

/** Fields of a protobuf message: number → values, in order. */
function fieldsIn(bytes: Buffer): ReadonlyMap<number, readonly (Buffer | number)[]> {
  const found = new Map<number, (Buffer | number)[]>();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const value = tag % 8 === 2 ? varint() : undefined;
    const given = value === undefined ? varint() : bytes.subarray(at, (at += value));
    found.set(tag >> 3, [...(found.get(tag >> 3) ?? []), given]);
  }
  return found;
}

test("OpenAPI v2 in protobuf: the definitions and paths of the JSON document", async (t) => {
  const api = await openApi();
  const plain = (await (await api.send("GET", "/openapi/v2")).json()) as { definitions: object; paths: object };
  const response = await api.send("GET", "/openapi/v2", { headers: { accept: "application/com.github.proto-openapi.spec.v2@v1.0+protobuf" } });
  t.is(response.headers.get("content-type"), "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
  const document = fieldsIn(Buffer.from(await response.arrayBuffer()));
  const one = (message: ReadonlyMap<number, readonly (Buffer | number)[]>, number: number) => fieldsIn(message.get(number)?.[0] as Buffer);
  t.is(String(document.get(1)?.[0]), "2.0");
  const definitions = one(document, 9).get(1)?.map((named) => fieldsIn(named as Buffer)) ?? [];
  t.deepEqual(definitions.map((named) => String(named.get(1)?.[0])), Object.keys(plain.definitions));
  const paths = one(document, 8).get(2)?.map((named) => String(fieldsIn(named as Buffer).get(1)?.[0]));
  t.deepEqual(paths, Object.keys(plain.paths));
  const pod = definitions.find((named) => String(named.get(1)?.[0]) === "io.k8s.api.core.v1.Pod");
  const schema = one(pod ?? new Map(), 2);
  t.deepEqual(one(schema, 22).get(1)?.map(String), ["object"]);
  const properties = one(schema, 25).get(1)?.map((named) => fieldsIn(named as Buffer)) ?? [];
  const spec = properties.find((named) => String(named.get(1)?.[0]) === "spec");
  t.is(String(one(spec ?? new Map(), 2).get(1)?.[0]), "#/definitions/io.k8s.api.core.v1.PodSpec");
  const extension = fieldsIn(schema.get(31)?.[0] as Buffer);
  t.is(String(extension.get(1)?.[0]), "x-kubernetes-group-version-kind");
  t.deepEqual(JSON.parse(String(one(extension, 2).get(2)?.[0])), [{ group: "", kind: "Pod", version: "v1" }]);
});

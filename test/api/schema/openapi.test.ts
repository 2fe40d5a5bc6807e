import test from "ava";
import { builtinKinds } from "../../../core/api/kinds/built-in.ts";
import { componentSchemas, definitions } from "../../../core/api/schema/openapi.ts";

const kinds = builtinKinds();
const inGroup = (group: string, version: string) => kinds.filter((kind) => kind.group === group && kind.version === version);
const prefix = "#/components/schemas/";

function references(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => (key === "$ref" && typeof each === "string" ? [each] : references(each)));
}

test("a group's document holds all that it refers to", (t) => {
  for (const { group, version } of kinds) {
    const schemas = componentSchemas(inGroup(group, version));
    for (const reference of references(schemas)) t.true(reference.startsWith(prefix) && reference.slice(prefix.length) in schemas, reference);
  }
});

test("kubectl finds in a schema what it validates and merges by", (t) => {
  const schemas: Record<string, unknown> = componentSchemas(inGroup("apps", "v1"));
  t.like(schemas["io.k8s.api.apps.v1.Deployment"], {
    "x-kubernetes-group-version-kind": [{ group: "apps", kind: "Deployment", version: "v1" }],
  });
  t.like(schemas["io.k8s.api.core.v1.Container"], {
    required: ["name"],
    properties: {
      name: { type: "string", default: "" },
      ports: {
        type: "array",
        "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
        "x-kubernetes-list-type": "map",
        "x-kubernetes-patch-merge-key": "containerPort",
        "x-kubernetes-patch-strategy": "merge",
      },
      imagePullPolicy: { enum: ["Always", "IfNotPresent", "Never"] },
      resources: { default: {}, allOf: [{ $ref: `${prefix}io.k8s.api.core.v1.ResourceRequirements` }] },
    },
  });
  t.like(schemas["io.k8s.api.core.v1.ContainerPort"], { properties: { protocol: { default: "TCP" } } });
  t.deepEqual(schemas["io.k8s.apimachinery.pkg.util.intstr.IntOrString"], {
    format: "int-or-string",
    oneOf: [{ type: "integer" }, { type: "string" }],
  });
});

test("a field may make a structure granular that is atomic elsewhere", (t) => {
  const schemas: Record<string, unknown> = componentSchemas(inGroup("", "v1"));
  t.like(schemas["io.k8s.api.core.v1.ObjectReference"], { "x-kubernetes-map-type": "atomic" });
  t.like(schemas["io.k8s.api.core.v1.PersistentVolumeSpec"], { properties: { claimRef: { "x-kubernetes-map-type": "granular" } } });
});

test("version 2 says the same in its own words", (t) => {
  const all: Record<string, unknown> = definitions(kinds);
  for (const reference of references(all)) t.true(reference.startsWith("#/definitions/") && reference.slice(14) in all, reference);
  t.deepEqual(all["io.k8s.apimachinery.pkg.api.resource.Quantity"], { type: "string" });
  t.like(all["io.k8s.api.core.v1.Pod"], { properties: { spec: { $ref: "#/definitions/io.k8s.api.core.v1.PodSpec", default: {} } } });
});

/** A CustomResourceDefinition of the test's own group, served before the test goes on. */
import type { Resource } from "../../../core/api/client.ts";
import type { AnyObject } from "../../../core/api/meta.ts";
import { CUSTOM_RESOURCE_DEFINITIONS } from "../../../core/api/resources.gen.ts";
import { eventually } from "../../support/eventually.ts";
import type { Api } from "./api.ts";
import type { Context } from "./conformance.ts";

export interface Definition {
  readonly plural?: string;
  readonly kind?: string;
  readonly group?: string;
  readonly scope?: "Namespaced" | "Cluster";
  /** first one is stored */
  readonly versions?: readonly { readonly name: string; readonly served?: boolean; readonly schema?: object; readonly more?: object }[];
  readonly more?: object;
}

export interface Established {
  readonly name: string;
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
  /** in the first version */
  readonly resource: Resource<AnyObject>;
}

/** What stands for "no schema" in apiextensions.k8s.io/v1. */
export const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

export function definition(unique: string, { plural = "things", kind = "Thing", group = `${unique}.example.com`, scope = "Namespaced", versions = [{ name: "v1" }], more = {} }: Definition) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}`, labels: { "conformance-object": unique } },
    spec: {
      group,
      scope,
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: versions.map(({ name, served = true, schema = anything, more: ofVersion = {} }, index) => ({ name, served, storage: index === 0, schema: { openAPIV3Schema: schema }, ...ofVersion })),
      ...more,
    },
  } as const;
}

export async function establish({ api, unique, after }: Context, wanted: Definition): Promise<Established> {
  const made = definition(unique, wanted);
  const { name } = made.metadata;
  const { group, names: { plural, kind }, versions } = made.spec;
  await api.of(CUSTOM_RESOURCE_DEFINITIONS).create(made);
  after(() => api.of(CUSTOM_RESOURCE_DEFINITIONS).delete(name));
  const version = versions[0]?.name ?? "";
  await untilServed(api, name, `/apis/${group}/${version}/${plural}`);
  return { name, group, plural, kind, resource: { group, version, plural } };
}

export async function untilServed(api: Api, name: string, path: string): Promise<void> {
  await eventually(`${name} is established`, async () => (await api.of(CUSTOM_RESOURCE_DEFINITIONS).get(name)).status?.conditions?.some(({ type, status }) => type === "Established" && status === "True"));
  await eventually(`${path} is served`, async () => (await api.send("GET", path)).status === 200);
}

/**
 * What another server serves, as rows of the kind table: discovery shows them like all others. Requests never reach the
 * registry, they are passed on before (`elsewhere`).
 */
import { isObject } from "../../api/json.ts";
import type { Kind, Verb } from "../../api/kinds.ts";

/** Resources of one group version; more is no API server's list. */
const RESOURCES_MAX = 1_000;

const verbs: ReadonlySet<string> = new Set<Verb>(["create", "get", "list", "watch", "update", "patch", "delete", "deletecollection"]);
const isVerb = (text: unknown): text is Verb => typeof text === "string" && verbs.has(text);
const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((each) => typeof each === "string") : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** From an APIResourceList. */
export function remoteRows({ group, version }: { readonly group: string; readonly version: string }, list: unknown): readonly Kind[] {
  const resources = isObject(list) && Array.isArray(list["resources"]) ? (list["resources"] as readonly unknown[]).slice(0, RESOURCES_MAX).filter(isObject) : [];
  return resources
    .filter(({ name }) => !text(name).includes("/"))
    .map((resource): Kind => {
      const [plural, kind] = [text(resource["name"]), text(resource["kind"])];
      const below = resources.filter(({ name }) => text(name).startsWith(`${plural}/`));
      return {
        group,
        version,
        kind,
        listKind: `${kind}List`,
        plural,
        singular: text(resource["singularName"]) || kind.toLowerCase(),
        namespaced: resource["namespaced"] === true,
        shortNames: texts(resource["shortNames"]),
        categories: texts(resource["categories"]),
        verbs: texts(resource["verbs"]).filter(isVerb),
        subresources: below.map((each) => ({ name: text(each["name"]).slice(plural.length + 1), verbs: texts(each["verbs"]).filter(isVerb) })),
        schema: { name: `${group.split(".").toReversed().join(".")}.${version}.${kind}`, fields: new Map(), atomic: false, preserveUnknown: true, custom: true },
        storageVersion: version,
        hooks: { elsewhere: true },
      };
    })
    .filter(({ plural, kind }) => plural !== "" && kind !== "");
}

/** What "supports API operations" means for any resource: discovery names it, and each verb does what the reference says. */
import assert from "node:assert/strict";
import type { Resource } from "../../../core/api/client.ts";
import type { KubeObject } from "../../../core/api/meta.ts";
import type { APIGroup, APIResourceList } from "../../../core/api/types.gen.ts";
import { eventually } from "../../support/eventually.ts";
import type { Api, Resources } from "./api.ts";
import { refusal } from "./api.ts";
import type { Context } from "./conformance.ts";

export interface Operations<T extends KubeObject> {
  readonly resource: Resource<T>;
  /** the first object; the suite adds names and labels */
  readonly object: object;
  readonly namespaced?: boolean;
  /** part of a merge patch that changes the main resource beyond metadata */
  readonly change?: object;
  /** a merge patch of the status subresource, and what tells that it took */
  readonly status?: { readonly patch: object; readonly took: (object: T) => boolean };
}

/** Discovery, create, get, list, watch, patch, update, status, delete, delete of a collection, in this order. */
export async function operations<T extends KubeObject>({ api, namespace, unique, after }: Context, { resource, object, namespaced = false, change = {}, status }: Operations<T>): Promise<void> {
  await discovered(api, resource, namespaced, status !== undefined);
  const all = api.of(resource);
  const mine = namespaced ? api.of(resource, namespace) : all;
  const labelSelector = `conformance-object=${unique}`;
  after(() => mine.deleteCollection({ labelSelector }));
  const made = async (suffix: string) => mine.create({ ...object, metadata: { ...(object as Partial<KubeObject>).metadata, name: `${unique}-${suffix}`, labels: { "conformance-object": unique } } });

  const first = await made("a");
  const name = first.metadata.name ?? "";
  assert.equal((await refusal(made("a"))).reason, "AlreadyExists");
  assert.equal((await mine.get(name)).metadata.uid, first.metadata.uid);
  await made("b");
  await made("c");
  const listed = await mine.list({ labelSelector });
  assert.deepEqual(listed.items.map((item) => item.metadata.name), ["a", "b", "c"].map((suffix) => `${unique}-${suffix}`));
  if (namespaced) assert.equal((await all.list({ labelSelector })).items.length, 3);

  const watch = await mine.watch({ labelSelector, resourceVersion: listed.metadata.resourceVersion ?? "" });
  after(() => watch.close());
  const patched = await mine.patch(name, { metadata: { annotations: { patched: "true" } }, ...change });
  assert.equal(patched.metadata.annotations?.["patched"], "true");
  assert.notEqual(patched.metadata.resourceVersion, first.metadata.resourceVersion);
  await watch.until("MODIFIED", ({ metadata }) => metadata.name === name && metadata.annotations?.["patched"] === "true");
  const updated = await updateFresh(mine, name, (fresh) => ({ ...fresh, metadata: { ...fresh.metadata, annotations: { ...fresh.metadata.annotations, updated: "true" } } }));
  assert.deepEqual([updated.metadata.annotations?.["patched"], updated.metadata.annotations?.["updated"]], ["true", "true"]);
  await watch.until("MODIFIED", ({ metadata }) => metadata.name === name && metadata.annotations?.["updated"] === "true");
  assert.equal((await refusal(mine.update({ ...first, metadata: { ...first.metadata, resourceVersion: "1" } }))).reason, "Conflict");

  if (status !== undefined) {
    const viaStatus = await mine.patch(name, { ...status.patch, metadata: { annotations: { patchedstatus: "true" } } }, "merge", "status");
    assert.ok(status.took(viaStatus), "the status patch took");
    assert.ok(status.took(await mine.get(name, "status")), "GET of the status subresource shows it");
    await updateFresh(mine, name, (fresh) => ({ ...fresh, metadata: { ...fresh.metadata, annotations: { ...fresh.metadata.annotations, updatedstatus: "true" } } }), "status");
    assert.ok(status.took(await mine.get(name)), "the status update kept it");
  }

  await mine.delete(name);
  await eventually(`${name} is gone`, async () => (await api.send("GET", `${mine.path}/${name}`)).status === 404);
  await watch.until("DELETED", ({ metadata }) => metadata.name === name);
  assert.equal((await mine.list({ labelSelector })).items.length, 2);
  await mine.deleteCollection({ labelSelector });
  await eventually("the collection is empty", async () => (await mine.list({ labelSelector })).items.length === 0);
}

/** Reads, changes and writes, again when someone else wrote in between. */
export function updateFresh<T extends KubeObject>(resources: Resources<T>, name: string, change: (fresh: T) => T, subresource?: string): Promise<T> {
  return eventually(`an update of ${name} without conflict`, async () => {
    const fresh = await resources.get(name);
    try {
      return await resources.update(change(fresh), subresource);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === 409) return undefined;
      throw error;
    }
  }, 10_000);
}

async function discovered(api: Api, { group, version, plural }: Omit<Resource, "object">, namespaced: boolean, hasStatus: boolean): Promise<void> {
  if (group !== "") {
    const groups = await api.read<{ groups: readonly APIGroup[] }>("/apis");
    assert.ok(groups.groups.some((one) => one.name === group && one.versions.some((served) => served.version === version)), `/apis names ${group}/${version}`);
    const one = await api.read<APIGroup>(`/apis/${group}`);
    assert.ok(one.versions.some((served) => served.groupVersion === `${group}/${version}`));
  }
  const { resources } = await api.read<APIResourceList>(group === "" ? `/api/${version}` : `/apis/${group}/${version}`);
  const found = resources.find((one) => one.name === plural);
  assert.ok(found !== undefined, `discovery names ${plural}`);
  assert.equal(found.namespaced, namespaced);
  for (const verb of ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]) assert.ok(found.verbs.includes(verb), `${plural} can ${verb}`);
  if (hasStatus) assert.ok(resources.some((one) => one.name === `${plural}/status`), `discovery names ${plural}/status`);
}


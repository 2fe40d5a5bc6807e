/** Long lists in parts. */
import assert from "node:assert/strict";
import type { KubeList } from "../../../core/api/meta.ts";
import { POD_TEMPLATES } from "../../../core/api/resources.gen.ts";
import type { PodTemplate } from "../../../core/api/types.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { refusal, type Resources } from "../support/api.ts";

const OBJECTS = 400;
const AT_ONCE = 20;
/** kube-apiserver compacts every five minutes; so does lichen, give or take a minute. */
const COMPACTION_MS = 8 * 60_000;

async function templates({ api, namespace }: Context): Promise<Resources<PodTemplate>> {
  const all = api.of(POD_TEMPLATES, namespace);
  const name = (index: number) => `template-${String(index).padStart(4, "0")}`;
  for (let start = 0; start < OBJECTS; start += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => all.create({ metadata: { name: name(start + index) }, template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } } })));
  }
  return all;
}

export const chunking = [
  conformance("[sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls", async (c) => {
    const all = await templates(c);
    for (const limit of [7, 150, 399]) {
      const names: (string | undefined)[] = [];
      let token = "";
      let version = "";
      do {
        const page: KubeList<PodTemplate> = await all.list({ limit, ...(token === "" ? {} : { continue: token }) });
        assert.ok(page.items.length <= limit);
        if (version !== "") assert.equal(page.metadata.resourceVersion, version);
        version = page.metadata.resourceVersion ?? "";
        names.push(...page.items.map(({ metadata }) => metadata.name));
        if (page.metadata.remainingItemCount !== undefined) assert.equal(page.metadata.remainingItemCount, OBJECTS - names.length);
        token = page.metadata.continue ?? "";
        assert.equal(token !== "", names.length < OBJECTS);
      } while (token !== "");
      assert.equal(new Set(names).size, OBJECTS);
      assert.deepEqual(names, names.toSorted());
    }
    const whole = await all.list();
    assert.equal(whole.items.length, OBJECTS);
    assert.equal(whole.metadata.continue ?? "", "");
  }),

  conformance("[sig-api-machinery] Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent", async (c) => {
    const all = await templates(c);
    const first = await all.list({ limit: 40 });
    const token = first.metadata.continue ?? "";
    const expired = await compacted(all, token);
    assert.equal(expired.code, 410);
    assert.equal(expired.reason, "Expired");
    const inconsistent = expired.metadata.continue ?? "";
    assert.notEqual(inconsistent, "");
    const second = await all.list({ limit: 40, continue: inconsistent });
    assert.equal(second.items.length, 40);
    assert.notEqual(second.metadata.resourceVersion, first.metadata.resourceVersion);
    const names = [...first.items, ...second.items].map(({ metadata }) => metadata.name);
    assert.deepEqual(names, names.toSorted());
    assert.equal(new Set(names).size, 80);
    let rest = second;
    let count = 80;
    while ((rest.metadata.continue ?? "") !== "") {
      rest = await all.list({ limit: 40, continue: rest.metadata.continue ?? "" });
      assert.equal(rest.metadata.resourceVersion, second.metadata.resourceVersion);
      count += rest.items.length;
    }
    assert.equal(count, OBJECTS);
  }, { slow: "waits for the store's compaction" }),
];

/** Waits until the token's revision is no longer kept. */
async function compacted(all: Resources<PodTemplate>, token: string) {
  return eventually("the old revision is compacted", () => refusal(all.list({ limit: 40, continue: token })), COMPACTION_MS);
}

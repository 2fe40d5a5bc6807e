/** What a watch owes its reader: every change, once, in order, from where it left off. */
import assert from "node:assert/strict";
import { CONFIG_MAPS } from "../../../core/api/resources.gen.ts";
import { conformance } from "../support/conformance.ts";
import { updateFresh } from "../support/operations.ts";

const WRITES = 60;
const WATCHERS = 5;

export const watch = [
  conformance("[sig-api-machinery] Watchers should be able to restart watching from the last resource version observed by the previous watch", async ({ api, namespace }) => {
    const maps = api.of(CONFIG_MAPS, namespace);
    const first = await maps.watch({ resourceVersion: (await maps.list()).metadata.resourceVersion ?? "", fieldSelector: "metadata.name=map" });
    await maps.create({ metadata: { name: "map" } });
    await first.until("ADDED");
    await maps.patch("map", { data: { change: "1" } });
    const seen = await first.until("MODIFIED");
    first.close();
    await maps.patch("map", { data: { change: "2" } });
    await maps.delete("map");
    const second = await maps.watch({ resourceVersion: seen.object.metadata.resourceVersion ?? "", fieldSelector: "metadata.name=map" });
    const [modified, deleted] = [await second.next(), await second.next()];
    second.close();
    assert.deepEqual([modified.type, modified.object.data?.["change"], deleted.type], ["MODIFIED", "2", "DELETED"]);
  }),

  conformance("[sig-api-machinery] Watchers should be able to start watching from a specific resource version", async ({ api, namespace }) => {
    const maps = api.of(CONFIG_MAPS, namespace);
    await maps.create({ metadata: { name: "map" } });
    const first = await maps.patch("map", { data: { change: "1" } });
    await maps.patch("map", { data: { change: "2" } });
    await maps.delete("map");
    const watching = await maps.watch({ resourceVersion: first.metadata.resourceVersion ?? "", fieldSelector: "metadata.name=map" });
    const [modified, deleted] = [await watching.next(), await watching.next()];
    watching.close();
    assert.deepEqual([modified.type, modified.object.data?.["change"], deleted.type], ["MODIFIED", "2", "DELETED"]);
  }),

  conformance("[sig-api-machinery] Watchers should observe add, update, and delete watch notifications on configmaps", async ({ api, namespace }) => {
    const maps = api.of(CONFIG_MAPS, namespace);
    const resourceVersion = (await maps.list()).metadata.resourceVersion ?? "";
    const [onlyA, onlyB, both] = await Promise.all(["of=a", "of=b", "of in (a,b)"].map((labelSelector) => maps.watch({ labelSelector, resourceVersion })));
    assert.ok(onlyA !== undefined && onlyB !== undefined && both !== undefined);
    for (const label of ["a", "b"]) {
      await maps.create({ metadata: { name: label, labels: { of: label } } });
      for (const change of ["1", "2"]) await updateFresh(maps, label, (fresh) => ({ ...fresh, data: { change } }));
      await maps.delete(label);
    }
    const expected = (of: string) => [`ADDED ${of} undefined`, `MODIFIED ${of} 1`, `MODIFIED ${of} 2`, `DELETED ${of} 2`];
    const four = async (watching: typeof both) => {
      const seen: string[] = [];
      for (let count = 0; count < 4; count++) {
        const { type, object } = await watching.next();
        seen.push(`${type} ${object.metadata.name} ${object.data?.["change"]}`);
      }
      return seen;
    };
    assert.deepEqual(await four(onlyA), expected("a"));
    assert.deepEqual(await four(onlyB), expected("b"));
    assert.deepEqual([...(await four(both)), ...(await four(both))], [...expected("a"), ...expected("b")]);
    for (const watching of [onlyA, onlyB, both]) watching.close();
  }),

  conformance("[sig-api-machinery] Watchers should observe an object deletion if it stops meeting the requirements of the selector", async ({ api, namespace }) => {
    const maps = api.of(CONFIG_MAPS, namespace);
    const watching = await maps.watch({ labelSelector: "of=a", resourceVersion: (await maps.list()).metadata.resourceVersion ?? "" });
    const relabel = (of: string) => maps.patch("map", { metadata: { labels: { of } } });
    await maps.create({ metadata: { name: "map", labels: { of: "a" } } });
    assert.equal((await watching.next()).type, "ADDED");
    await relabel("b");
    assert.equal((await watching.next()).type, "DELETED");
    await maps.patch("map", { data: { change: "unseen" } });
    await relabel("a");
    const again = await watching.next();
    assert.deepEqual([again.type, again.object.data?.["change"]], ["ADDED", "unseen"]);
    await maps.patch("map", { data: { change: "seen" } });
    assert.equal((await watching.next()).type, "MODIFIED");
    await maps.delete("map");
    assert.equal((await watching.next()).type, "DELETED");
    watching.close();
  }),

  conformance("[sig-api-machinery] Watchers should receive events on concurrent watches in same order", async ({ api, namespace }) => {
    const maps = api.of(CONFIG_MAPS, namespace);
    let resourceVersion = (await maps.list()).metadata.resourceVersion ?? "";
    const writes = (async () => {
      for (let count = 0; count < WRITES; count++) {
        const name = `map-${count % 7}`;
        const exists = (await api.send("GET", `${maps.path}/${name}`)).status === 200;
        if (!exists) await maps.create({ metadata: { name } });
        else if (count % 3 === 0) await maps.delete(name);
        else await maps.patch(name, { data: { count: `${count}` } });
      }
      await maps.create({ metadata: { name: "end" } });
    })();
    const sequence = async (from: string) => {
      const watching = await maps.watch({ resourceVersion: from });
      const seen: string[] = [];
      for (;;) {
        const { type, object } = await watching.next();
        seen.push(`${type} ${object.metadata.name} ${object.metadata.resourceVersion}`);
        if (object.metadata.name === "end") break;
      }
      watching.close();
      return seen;
    };
    // one watch follows the writes, later ones start while they happen and after
    const whole = sequence(resourceVersion);
    const others = Array.from({ length: WATCHERS }, () => sequence(resourceVersion));
    await writes;
    others.push(sequence(resourceVersion));
    const reference = await whole;
    for (const other of await Promise.all(others)) assert.deepEqual(other, reference);
    resourceVersion = reference[10]?.split(" ")[2] ?? "";
    assert.deepEqual(await sequence(resourceVersion), reference.slice(11));
  }),
];

/** What /metrics says besides requests: the store's revisions and the counters of the hub, each by its own name. */
import type { Hub } from "../hub/hub.ts";
import type { Sample } from "../http/request-metrics.ts";
import type { Store } from "../store/store.ts";

/** Numbers of the hub that go up and down; all others only grow. */
const GAUGES = new Set(["devices", "present", "open", "connections", "sessions"]);

export function* samples({ store, hub }: { readonly store: Pick<Store, "revision" | "compacted">; readonly hub: Pick<Hub, "counters"> | undefined }): Generator<Sample> {
  yield one("lichen_store_revision", "gauge", "Revision of the last write.", store.revision());
  yield one("lichen_store_compacted_revision", "gauge", "Revision up to which history is forgotten.", store.compacted());
  for (const [part, counters] of Object.entries(hub?.counters() ?? {})) {
    for (const [name, value] of Object.entries(counters as object)) {
      if (typeof value !== "number") continue;
      const gauge = GAUGES.has(name);
      yield one(`lichen_hub_${snake(part)}_${snake(name)}${gauge || name.endsWith("Total") ? "" : "_total"}`, gauge ? "gauge" : "counter", `Hub, ${part}: ${name}.`, value);
    }
  }
}

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const one = (name: string, type: Sample["type"], help: string, value: number): Sample => ({ name, type, help, values: [{ value }] });

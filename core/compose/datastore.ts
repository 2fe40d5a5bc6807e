/** The store that the configuration names, and its housekeeping. */
import type { Clock } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import type { Datastore } from "../config.ts";
import { runCompaction } from "../store/compaction.ts";
import type { Driver } from "../store/driver.ts";
import { openEtcdStore } from "../store/drivers/etcd.ts";
import { memoryDriver } from "../store/drivers/memory.ts";
import { sqliteDriver } from "../store/drivers/sqlite.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";

export interface StoreParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** of the SQLite file, when somebody reads it already */
  readonly driver?: Driver | undefined;
}

export async function openDatastore(datastore: Datastore, { clock, log, signal, driver }: StoreParts): Promise<Store> {
  const store = await opened(datastore, { clock, log, driver });
  void runCompaction({ store, clock, log, signal });
  return store;
}

function opened(datastore: Datastore, { driver, ...parts }: Omit<StoreParts, "signal">): Promise<Store> {
  switch (datastore.kind) {
    case "memory":
      return openStore(memoryDriver(), parts);
    case "sqlite":
      return openStore(driver ?? sqliteDriver(datastore.path), parts);
    case "etcd":
      return openEtcdStore({ endpoints: datastore.endpoints, ...parts });
  }
}

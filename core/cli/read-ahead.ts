/**
 * Begins to read the store before the rest of the program is loaded. The store's thread checks and reads the file while the
 * main thread loads code; with a few thousand objects both take about as long.
 */
import { mkdirSync } from "node:fs";
import type { ServerConfig } from "../config.ts";
import type { Driver } from "../store/driver.ts";
import { sqliteDriver } from "../store/drivers/sqlite.ts";

/** undefined for stores that are no file */
export function readAhead({ dataDir, datastore }: ServerConfig): Driver | undefined {
  if (datastore.kind !== "sqlite") return undefined;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const driver = sqliteDriver(datastore.path);
  const loaded = driver.load();
  // who opens the store is told
  loaded.catch(() => {});
  return { ...driver, load: () => loaded };
}

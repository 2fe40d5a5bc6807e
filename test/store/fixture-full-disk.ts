/** Writes to the store named by its argument until the disk refuses, then until it takes writes again; says so on stdout. */
import { setTimeout as pause } from "node:timers/promises";
import { sqliteDriver } from "../../core/store/drivers/sqlite.ts";
import { openStore } from "../../core/store/open.ts";
import { StoreError } from "../../core/store/store.ts";

const [path = ""] = process.argv.slice(2);
const store = await openStore(sqliteDriver(path));
const value = new Uint8Array(20_000).fill(7);
const acknowledged: string[] = [];
const refusal = async (key: string): Promise<string | undefined> => {
  try {
    acknowledged.push((await store.put(key, value, 0)).key);
    return undefined;
  } catch (error) {
    if (error instanceof StoreError) return error.reason;
    throw error;
  }
};

const say = (line: string) => process.stdout.write(`${line}\n`);

let reason: string | undefined;
for (let count = 0; reason === undefined; count += 1) reason = await refusal(`/before/${count}`);
const readable = acknowledged.every((key) => store.get(key) !== undefined);
say(`refused ${reason} readable ${readable} revision ${store.revision() === acknowledged.length}`);
// How soon the disk works again is the parent's choice; the bound is AVA's.
for (let count = 0; (await refusal(`/after/${count}`)) !== undefined; count += 1) await pause(5);
await store.close();

const again = await openStore(sqliteDriver(path));
say(`recovered, missing ${acknowledged.filter((key) => again.get(key) === undefined).length} of ${acknowledged.length > 10 ? "many" : "few"}`);
await again.close();

/** Writes to the store named by its argument until it is killed, and says on stdout what was acknowledged. */
import { writeSync } from "node:fs";
import { sqliteDriver } from "../../core/store/drivers/sqlite.ts";
import { openStore } from "../../core/store/open.ts";

const [path = "", round = ""] = process.argv.slice(2);
const store = await openStore(sqliteDriver(path));

/** Synchronous, so that the parent knows everything that was acknowledged before the kill. */
function tell(line: string): void {
  for (;;) {
    try {
      writeSync(1, line);
      return;
    } catch (error) {
      // the parent is slower than this program, and the pipe is full
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

async function writer(name: string): Promise<never> {
  for (let count = 0; ; count += 1) {
    const key = `/k/${name}/${count % 50}`;
    const there = store.get(key)?.revision ?? 0;
    const deleting = there !== 0 && count % 7 === 3;
    const text = `${round}:${name}:${count}`;
    const entry =
      deleting ? await store.delete(key, there) : await store.put(key, new TextEncoder().encode(text.padEnd(400)), there);
    tell(`${entry.revision} ${key} ${deleting ? "-" : text}\n`);
    if (count % 400 === 399 && name === "0") await store.compact(store.revision() - 100);
  }
}

await Promise.all(["0", "1", "2", "3", "4", "5", "6", "7"].map(writer));

/**
 * The devices of `lichen up` live below the server's data directory, which nobody else may enter, but users of pods with a
 * user namespace have to reach their device's data: the directory is opened for passing, and all that is in it beside the
 * devices is closed by itself.
 */
import { chmodSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

const PASS = 0o011;
const OTHERS = 0o077;

/** `devices`: the entry that stays as it is. @throws Error when the directory belongs to somebody else */
export function makePassable(dataDir: string, devices: string): void {
  // first what is in it: at no moment may anybody read more than before
  for (const name of readdirSync(dataDir)) if (name !== devices) change(join(dataDir, name), (mode) => mode & ~OTHERS);
  change(dataDir, (mode) => mode | PASS);
}

function change(path: string, next: (mode: number) => number): void {
  const now = lstatSync(path, { throwIfNoEntry: false });
  // what a link leads to has a place and an owner of its own
  if (now === undefined || now.isSymbolicLink()) return;
  const mode = now.mode & 0o7777;
  if (next(mode) !== mode) chmodSync(path, next(mode));
}

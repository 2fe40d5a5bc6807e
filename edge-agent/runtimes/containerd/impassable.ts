/**
 * A pod with users of its own is somebody else to the host: what its containers are made of is mounted by a user who may
 * enter only what everybody may.
 */
import { stat } from "node:fs/promises";
import { dirname } from "node:path";

const OTHERS_ENTER = 0o001;

/** The first directory above `path` that other users may not enter; undefined: there is none */
export async function impassable(path: string): Promise<string | undefined> {
  const above = dirname(path);
  if (above !== path) {
    const higher = await impassable(above);
    if (higher !== undefined) return higher;
  }
  return ((await stat(above)).mode & OTHERS_ENTER) === 0 ? above : undefined;
}

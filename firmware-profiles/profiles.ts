/** All profiles that come with lichen, checked when they are read. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseProfile, type FirmwareProfile } from "./profile.ts";

/** @throws Error when a file is no valid profile */
export function readProfiles(directory: string = join(import.meta.dirname, "profiles")): readonly FirmwareProfile[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".json"))
    .toSorted()
    .map((name) => parseProfile(JSON.parse(readFileSync(join(directory, name), "utf8")), name));
}

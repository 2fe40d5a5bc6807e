/**
 * The host's code as plain scripts, one per kind of process and thread. Node can strip types and link modules at start, but
 * each process would pay for it: 40 ms and 4 MB. Here it is done once per version, by a process of its own, because the
 * compiler (20 MB) would stay in this one. The directory's name is the digest of the sources, so an upgrade gets its own and
 * hosts that run keep theirs.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SCRIPT, SHARED_SCRIPT } from "./host-scripts.ts";

export interface HostImage {
  readonly directory: string;
  readonly entry: string;
}

const ROOT = fileURLToPath(new URL("./", import.meta.url));
/** A small board takes seconds to start a process. */
const WRITING_MS = 120_000;

/** Idempotent, and safe when several agents do it at once. @throws Error with what the writing process said */
export function prepareHost(cacheDirectory: string): HostImage {
  const directory = join(cacheDirectory, `host-${digestOfSources()}`);
  if (!existsSync(directory)) execFileSync(process.execPath, [join(ROOT, "host-image-child.ts"), directory], { stdio: ["ignore", "ignore", "pipe"], timeout: WRITING_MS });
  return { directory, entry: join(directory, SCRIPT) };
}

/** The script of a process that components share. */
export const sharedHost = ({ directory }: HostImage) => join(directory, SHARED_SCRIPT);

/** Of all that the scripts may be made of, and of the Node that makes them. */
function digestOfSources(): string {
  const digest = createHash("sha256").update(process.version);
  for (const name of readdirSync(ROOT, { recursive: true, encoding: "utf8" }).toSorted()) {
    if (name.endsWith(".ts")) digest.update(`\0${name}\0`).update(readFileSync(join(ROOT, name)));
  }
  return digest.digest("hex").slice(0, 16);
}

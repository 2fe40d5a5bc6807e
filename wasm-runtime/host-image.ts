/**
 * The host's code as plain JavaScript in one place. Node can strip types at start, but that costs each process 30 ms and
 * some MB; here it is done once per version. The directory's name is the digest of the sources, so an upgrade gets its own
 * and running hosts keep theirs.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface HostImage {
  readonly directory: string;
  readonly entry: string;
}

const ROOT = fileURLToPath(new URL("./", import.meta.url));
const ENTRY = "host/main.ts";
/** imports of the host's own files, static and dynamic */
const ownImport = /(from |import\()"(\.{1,2}\/[^"]+)\.ts"/g;

/** Idempotent, and safe when several agents do it at once. */
export function prepareHost(cacheDirectory: string): HostImage {
  const sources = collect(ENTRY, new Map());
  const hash = createHash("sha256");
  for (const [name, text] of sources) hash.update(`${name}\0${text}\0`);
  const directory = join(cacheDirectory, `host-${hash.digest("hex").slice(0, 16)}`);
  const image = { directory, entry: join(directory, ENTRY.replace(/ts$/, "js")) };
  if (existsSync(directory)) return image;

  const draft = `${directory}.${process.pid}.new`;
  for (const [name, text] of sources) {
    const path = join(draft, name.replace(/ts$/, "js"));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, stripTypeScriptTypes(text).replaceAll(ownImport, '$1"$2.js"'));
  }
  writeFileSync(join(draft, "package.json"), '{"type":"module"}\n');
  try {
    renameSync(draft, directory);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(directory)) throw error;
  }
  return image;
}

/** A file and, depth first, all that it imports of ours. */
function collect(name: string, into: Map<string, string>): Map<string, string> {
  if (into.has(name)) return into;
  const text = readFileSync(join(ROOT, name), "utf8");
  into.set(name, text);
  for (const [, , target] of text.matchAll(ownImport)) collect(join(dirname(name), `${target}.ts`), into);
  return into;
}

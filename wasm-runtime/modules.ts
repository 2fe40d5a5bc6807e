/**
 * The modules that are on this device, by digest. A module is written once, under the name of its digest, and checked each
 * time it is read; references ("registry.lichen.internal/app:1") are small files that point to it. When the cache is over
 * its size, what was used least recently and does not run goes first.
 */
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { World } from "./bundle.ts";

/** What a server tells about a module, and what is remembered with it. */
export interface ModuleDescriptor {
  /** "sha256:<hex>" */
  readonly componentDigest: string;
  readonly moduleDigest: string;
  /** bytes of the bundle */
  readonly size: number;
  /** base64 */
  readonly signature: string;
  readonly world: World;
  readonly imports: readonly string[];
}

export interface CachedModule extends ModuleDescriptor {
  readonly references: readonly string[];
  /** milliseconds */
  readonly usedAt: number;
}

export interface ModuleCache {
  /** stores, or adds the reference. @throws Error when the bytes do not have the digest or do not fit */
  put(reference: string, descriptor: ModuleDescriptor, bytes: Uint8Array): CachedModule;
  /** undefined also when the file is damaged: it is gone then, and can be fetched again */
  get(reference: string): CachedModule | undefined;
  byDigest(componentDigest: string): CachedModule | undefined;
  list(): readonly CachedModule[];
  pathOf(moduleDigest: string): string;
  /** marks as used */
  touch(moduleDigest: string): void;
  remove(componentDigest: string): void;
}

/** Some hundred modules of usual size; far below what one container image takes. */
const DEFAULT_MAX_BYTES = 512 << 20;
const DIGEST = /^sha256:([0-9a-f]{64})$/;

export const digestOf = (bytes: Uint8Array | string) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

function hexOf(digest: string): string {
  const hex = DIGEST.exec(digest)?.[1];
  if (hex === undefined) throw new Error(`"${digest}" is not a sha256 digest`);
  return hex;
}

export function moduleCache(options: {
  readonly directory: string;
  readonly maxBytes?: number;
  /** module digests that must stay */
  readonly inUse?: () => ReadonlySet<string>;
}): ModuleCache {
  const { directory, maxBytes = DEFAULT_MAX_BYTES, inUse = () => new Set<string>() } = options;
  const references = join(directory, "references");
  mkdirSync(references, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(directory)) if (name.endsWith(".new")) rmSync(join(directory, name), { force: true });

  const pathOf = (moduleDigest: string) => join(directory, `${hexOf(moduleDigest)}.module`);
  const referencePath = (reference: string) => join(references, `${hexOf(digestOf(reference))}.json`);

  type Entry = ModuleDescriptor & { readonly reference: string };
  const entries = (): { readonly file: string; readonly entry: Entry }[] =>
    readdirSync(references).flatMap((name) => {
      const file = join(references, name);
      const entry = name.endsWith(".json") ? readEntry<Entry>(file) : undefined;
      return entry === undefined ? [] : [{ file, entry }];
    });

  function list(): CachedModule[] {
    const modules = new Map<string, CachedModule>();
    for (const { entry } of entries()) {
      const { reference, ...descriptor } = entry;
      const found = statSync(pathOf(entry.moduleDigest), { throwIfNoEntry: false });
      if (found === undefined || found.size !== entry.size) continue;
      const known = modules.get(entry.moduleDigest);
      modules.set(entry.moduleDigest, { ...descriptor, references: [...(known?.references ?? []), reference], usedAt: found.mtimeMs });
    }
    return [...modules.values()];
  }

  function drop(moduleDigest: string): void {
    for (const { file, entry } of entries()) if (entry.moduleDigest === moduleDigest) rmSync(file, { force: true });
    rmSync(pathOf(moduleDigest), { force: true });
  }

  function makeRoom(size: number): void {
    if (size > maxBytes) throw new Error(`the module has ${size} bytes, the cache on this device ${maxBytes}`);
    const used = inUse();
    const modules = list().toSorted((a, b) => a.usedAt - b.usedAt);
    let total = modules.reduce((sum, module) => sum + module.size, 0);
    for (const module of modules) {
      if (total + size <= maxBytes) return;
      if (used.has(module.moduleDigest)) continue;
      drop(module.moduleDigest);
      total -= module.size;
    }
    if (total + size > maxBytes) throw new Error(`no room for a module of ${size} bytes: ${total} bytes are in use by running components`);
  }

  return {
    put(reference, descriptor, bytes) {
      const digest = digestOf(bytes);
      if (digest !== descriptor.moduleDigest) throw new Error(`the module has digest ${digest}, expected ${descriptor.moduleDigest}: fetch it again`);
      const path = pathOf(digest);
      const found = statSync(path, { throwIfNoEntry: false });
      if (found?.size !== bytes.length) {
        makeRoom(bytes.length);
        writeDurably(path, bytes);
      }
      writeDurably(referencePath(reference), Buffer.from(JSON.stringify({ ...descriptor, size: bytes.length, reference })));
      const cached = list().find((module) => module.moduleDigest === digest);
      if (cached === undefined) throw new Error(`the module ${digest} could not be stored`);
      return cached;
    },
    get(reference) {
      const entry = readEntry<Entry>(referencePath(reference));
      if (entry === undefined || entry.reference !== reference) return undefined;
      let intact = false;
      try {
        intact = digestOf(readFileSync(pathOf(entry.moduleDigest))) === entry.moduleDigest;
      } catch {
        // not there: as good as damaged
      }
      if (!intact) {
        drop(entry.moduleDigest);
        return undefined;
      }
      return list().find((module) => module.moduleDigest === entry.moduleDigest);
    },
    byDigest: (componentDigest) => list().find((module) => module.componentDigest === componentDigest),
    list,
    pathOf,
    touch(moduleDigest) {
      const now = new Date();
      utimesSync(pathOf(moduleDigest), now, now);
    },
    remove(componentDigest) {
      for (const module of list()) if (module.componentDigest === componentDigest) drop(module.moduleDigest);
    },
  };
}

function readEntry<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch {
    return undefined;
  }
}

/** Under its name there is always a whole file. */
function writeDurably(path: string, bytes: Uint8Array): void {
  const draft = `${path}.${process.pid}.new`;
  const fd = openSync(draft, "w", 0o600);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, path);
}

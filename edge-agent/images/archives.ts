/**
 * Images for devices without a registry: archives (tar, also compressed) that somebody copied to `<data directory>/images`.
 * What was imported is noted with size and time of the file, so that a start does not unpack gigabytes again.
 */
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../../core/api/log.ts";
import { replaceFile } from "../disk.ts";

export interface ImageArchives {
  /** imports what is new; call it now and then. @returns whether anything was */
  look(): Promise<boolean>;
  /** references of all images that came this way */
  references(): ReadonlySet<string>;
}

interface Imported {
  /** size and time: a file that was replaced is another one */
  readonly version: string;
  readonly references: readonly string[];
}

const NOTE = ".imported.json";
const ARCHIVE = /\.(tar|tar\.gz|tgz|tar\.zst)$/;
/** A file that still grows is being copied. */
const SETTLED_MS = 2_000;

export async function imageArchives(parts: {
  readonly directory: string;
  readonly importImage: (file: string) => Promise<readonly string[]>;
  /** is it still there? images may have been removed since */
  readonly present: (reference: string) => Promise<boolean>;
  readonly now: () => number;
  /** an archive that is no image, told once */
  readonly refused?: (message: string) => void;
  readonly log: Log;
}): Promise<ImageArchives> {
  const { directory, importImage, present, now, log } = parts;
  const noteFile = join(directory, NOTE);
  const known = new Map<string, Imported>(Object.entries(await readNote(noteFile)));
  const refused = new Map<string, string>();

  const importOne = async (file: string, version: string): Promise<boolean> => {
    try {
      const references = await importImage(join(directory, file));
      known.set(file, { version, references });
      log.info({ file, images: references }, "imported an image archive");
      return true;
    } catch (error) {
      // once is enough to complain; the same file will not get better
      refused.set(file, version);
      const why = error instanceof Error ? error.message : String(error);
      log.error({ file, error: why }, "an image archive could not be imported");
      parts.refused?.(`Image archive ${file} could not be imported: ${why}`);
      return false;
    }
  };

  return {
    async look() {
      const files = (await readdir(directory).catch((): string[] => [])).filter((name) => ARCHIVE.test(name)).toSorted();
      let changed = false;
      for (const file of files) {
        const found = await stat(join(directory, file)).catch(() => undefined);
        if (found === undefined || now() - found.mtimeMs < SETTLED_MS) continue;
        const version = `${found.size}@${Math.floor(found.mtimeMs)}`;
        if (refused.get(file) === version) continue;
        const before = known.get(file);
        const there = before?.version === version && (await Promise.all(before.references.map(present))).every(Boolean);
        if (!there && (await importOne(file, version))) changed = true;
      }
      for (const file of known.keys()) if (!files.includes(file)) changed = known.delete(file) || changed;
      if (changed) await replaceFile(noteFile, JSON.stringify(Object.fromEntries(known)));
      return changed;
    },
    references: () => new Set([...known.values()].flatMap(({ references }) => references)),
  };
}

async function readNote(file: string): Promise<Readonly<Record<string, Imported>>> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Readonly<Record<string, Imported>>;
  } catch {
    return {};
  }
}

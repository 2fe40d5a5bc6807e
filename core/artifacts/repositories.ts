/**
 * What belongs to which repository: small files that point to blobs. A blob is readable only through a repository that has
 * a link to it, so that knowing a digest is not enough.
 *
 *   repositories/<name>/_blobs/<hex>               a link
 *   repositories/<name>/_manifests/<hex>           its media type
 *   repositories/<name>/_tags/<tag>                a digest
 *   repositories/<name>/_referrers/<subject>/<hex> a descriptor
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncDirectory } from "./blobs.ts";
import type { Descriptor } from "./manifest.ts";

export interface Repositories {
  names(): Promise<readonly string[]>;
  has(name: string, digest: string): Promise<boolean>;
  link(name: string, digest: string): Promise<void>;
  unlink(name: string, digest: string): Promise<boolean>;
  links(name: string): Promise<readonly { readonly digest: string; readonly modifiedAt: number }[]>;
  /** the media type it was pushed with */
  manifest(name: string, digest: string): Promise<string | undefined>;
  manifests(name: string): Promise<readonly { readonly digest: string; readonly modifiedAt: number }[]>;
  addManifest(name: string, digest: string, mediaType: string): Promise<void>;
  removeManifest(name: string, digest: string): Promise<boolean>;
  tag(name: string, tag: string): Promise<string | undefined>;
  tags(name: string): Promise<readonly string[]>;
  setTag(name: string, tag: string, digest: string): Promise<void>;
  removeTag(name: string, tag: string): Promise<boolean>;
  referrers(name: string, subject: string): Promise<readonly Descriptor[]>;
  addReferrer(name: string, subject: string, descriptor: Descriptor): Promise<void>;
}

const hex = (digest: string) => digest.slice("sha256:".length);

export function repositories(directory: string): Repositories {
  const root = join(directory, "repositories");
  const place = (name: string, ...rest: string[]) => join(root, name, ...rest);

  async function names(under: string): Promise<string[]> {
    const entries = await readdir(join(root, under), { withFileTypes: true }).catch(() => []);
    const found: string[] = entries.some((entry) => entry.name === "_manifests" || entry.name === "_blobs") ? [under] : [];
    for (const entry of entries) {
      if (entry.isDirectory() && !entry.name.startsWith("_")) found.push(...(await names(under === "" ? entry.name : `${under}/${entry.name}`)));
    }
    return found;
  }

  return {
    names: () => names(""),
    has: (name, digest) => exists(place(name, "_blobs", hex(digest))),
    link: (name, digest) => write(place(name, "_blobs", hex(digest)), ""),
    unlink: (name, digest) => remove(place(name, "_blobs", hex(digest))),
    links: (name) => dated(place(name, "_blobs")),
    manifest: (name, digest) => read(place(name, "_manifests", hex(digest))),
    manifests: (name) => dated(place(name, "_manifests")),
    addManifest: (name, digest, mediaType) => write(place(name, "_manifests", hex(digest)), mediaType),
    async removeManifest(name, digest) {
      if (!(await remove(place(name, "_manifests", hex(digest))))) return false;
      for (const tag of await tagsOf(place(name, "_tags"))) {
        if ((await read(place(name, "_tags", tag))) === digest) await remove(place(name, "_tags", tag));
      }
      const subjects = await readdir(place(name, "_referrers")).catch(() => []);
      for (const subject of subjects) await remove(place(name, "_referrers", subject, hex(digest)));
      return true;
    },
    tag: (name, tag) => read(place(name, "_tags", tag)),
    tags: (name) => tagsOf(place(name, "_tags")),
    setTag: (name, tag, digest) => write(place(name, "_tags", tag), digest),
    removeTag: (name, tag) => remove(place(name, "_tags", tag)),
    async referrers(name, subject) {
      const path = place(name, "_referrers", hex(subject));
      const found = await readdir(path).catch(() => []);
      const texts = await Promise.all(found.toSorted().map((file) => read(join(path, file))));
      return texts.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as Descriptor]));
    },
    addReferrer: (name, subject, descriptor) => write(place(name, "_referrers", hex(subject), hex(descriptor.digest)), JSON.stringify(descriptor)),
  };
}

async function dated(path: string) {
  const found = await readdir(path).catch(() => []);
  return Promise.all(found.filter((name) => !name.endsWith(".new")).map(async (name) => ({ digest: `sha256:${name}`, modifiedAt: (await stat(join(path, name)).catch(() => undefined))?.mtimeMs ?? 0 })));
}

const tagsOf = async (path: string) => (await readdir(path).catch(() => [])).filter((name) => !name.endsWith(".new")).toSorted();

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function read(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}

async function remove(path: string): Promise<boolean> {
  const found = await exists(path);
  await rm(path, { force: true });
  return found;
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${randomUUID()}.new`;
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncDirectory(dirname(path));
}

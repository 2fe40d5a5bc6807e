/**
 * Bytes by digest on disk. A blob appears under its name only when it is whole, checked and flushed; what a crash leaves
 * behind are files in `uploads`, which nobody reads. Uploads are files too, so a client may go on after a restart.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** A layer of a large container image; enough for an edge registry, too little to fill most disks by accident. */
export const MAX_BLOB_BYTES = 4 * 2 ** 30;
/** Uploads at the same time; each is a file. */
const MAX_UPLOADS = 256;

export class BlobError extends Error {
  override readonly name = "BlobError";
  readonly reason: "digest" | "size" | "range" | "unknown" | "busy";

  constructor(reason: BlobError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface Blobs {
  size(digest: string): Promise<number | undefined>;
  /** @throws BlobError "unknown" | "size" when larger than `limit` */
  read(digest: string, limit: number): Promise<Uint8Array>;
  stream(digest: string, range?: { readonly start: number; readonly end: number }): NodeJS.ReadableStream;
  put(bytes: Uint8Array): Promise<string>;
  begin(): Promise<string>;
  /** bytes so far. @throws BlobError "unknown" */
  uploaded(id: string): Promise<number>;
  /** @param at where the client thinks it is; another place is a BlobError "range". @returns bytes so far */
  append(id: string, body: AsyncIterable<Uint8Array>, at?: number): Promise<number>;
  /** @throws BlobError "digest" */
  finish(id: string, digest: string): Promise<void>;
  cancel(id: string): Promise<void>;
  list(): Promise<readonly { readonly digest: string; readonly modifiedAt: number }[]>;
  remove(digest: string): Promise<void>;
  /** forgets uploads that nobody has touched since */
  expireUploads(before: number): Promise<number>;
}

const UPLOAD = /^[0-9a-f-]{36}$/;

export function blobStore(directory: string): Blobs {
  const blobs = join(directory, "blobs");
  const uploads = join(directory, "uploads");
  const ready = Promise.all([mkdir(blobs, { recursive: true }), mkdir(uploads, { recursive: true })]);
  const pathOf = (digest: string) => join(blobs, digest.slice("sha256:".length));
  const writing = new Set<string>();

  async function uploadPath(id: string): Promise<string> {
    await ready;
    if (!UPLOAD.test(id)) throw new BlobError("unknown", "there is no such upload");
    return join(uploads, id);
  }

  async function sizeOf(path: string): Promise<number | undefined> {
    await ready;
    return (await stat(path).catch(() => undefined))?.size;
  }

  async function uploaded(id: string): Promise<number> {
    const size = await sizeOf(await uploadPath(id));
    if (size === undefined) throw new BlobError("unknown", "there is no such upload: begin again");
    return size;
  }

  /** One writer per upload: two would interleave. */
  async function exclusively<T>(id: string, run: () => Promise<T>): Promise<T> {
    if (writing.has(id)) throw new BlobError("busy", "this upload is being written by another request");
    writing.add(id);
    try {
      return await run();
    } finally {
      writing.delete(id);
    }
  }

  async function begin(): Promise<string> {
    await ready;
    if ((await readdir(uploads)).length >= MAX_UPLOADS) throw new BlobError("busy", `${MAX_UPLOADS} uploads are under way: finish or cancel some`);
    const id = randomUUID();
    await (await open(join(uploads, id), "wx", 0o600)).close();
    return id;
  }

  function append(id: string, body: AsyncIterable<Uint8Array>, at?: number): Promise<number> {
    return exclusively(id, async () => {
      let size = await uploaded(id);
      if (at !== undefined && at !== size) throw new BlobError("range", `the upload has ${size} bytes, the next chunk begins there`);
      const file = await open(await uploadPath(id), "a", 0o600);
      try {
        for await (const chunk of body) {
          size += chunk.length;
          if (size > MAX_BLOB_BYTES) throw new BlobError("size", `a blob may have ${MAX_BLOB_BYTES} bytes`);
          await file.writeFile(chunk);
        }
      } finally {
        await file.close();
      }
      return size;
    });
  }

  function finish(id: string, digest: string): Promise<void> {
    return exclusively(id, async () => {
      await uploaded(id);
      const path = await uploadPath(id);
      const hash = createHash("sha256");
      for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
      const found = `sha256:${hash.digest("hex")}`;
      if (found !== digest) throw new BlobError("digest", `the content has digest ${found}, not ${digest}`);
      const file = await open(path, "r+");
      await file.sync();
      await file.close();
      await rename(path, pathOf(digest));
      await syncDirectory(blobs);
    });
  }

  return {
    size: (digest) => sizeOf(pathOf(digest)),
    async read(digest, limit) {
      const size = await sizeOf(pathOf(digest));
      if (size === undefined) throw new BlobError("unknown", `there is no blob ${digest}`);
      if (size > limit) throw new BlobError("size", `the blob ${digest} has ${size} bytes, at most ${limit} are read`);
      const bytes = await readFile(pathOf(digest));
      if (`sha256:${createHash("sha256").update(bytes).digest("hex")}` !== digest) throw new BlobError("digest", `the blob ${digest} is damaged on disk: push it again`);
      return bytes;
    },
    stream: (digest, range) => createReadStream(pathOf(digest), range),
    async put(bytes) {
      const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      if ((await sizeOf(pathOf(digest))) === bytes.length) return digest;
      const id = await begin();
      await append(id, chunks(bytes));
      await finish(id, digest);
      return digest;
    },
    begin,
    uploaded,
    append,
    finish,
    cancel: async (id) => {
      await uploaded(id);
      await rm(await uploadPath(id), { force: true });
    },
    async list() {
      await ready;
      const found = await Promise.all((await readdir(blobs)).map(async (name) => ({ digest: `sha256:${name}`, modifiedAt: (await stat(join(blobs, name)).catch(() => undefined))?.mtimeMs ?? 0 })));
      return found;
    },
    remove: (digest) => rm(pathOf(digest), { force: true }),
    async expireUploads(before) {
      await ready;
      let count = 0;
      for (const name of await readdir(uploads)) {
        const found = await stat(join(uploads, name)).catch(() => undefined);
        if (found === undefined || found.mtimeMs >= before || writing.has(name)) continue;
        await rm(join(uploads, name), { force: true });
        count++;
      }
      return count;
    },
  };
}

async function* chunks(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** A rename is on disk when its directory is. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

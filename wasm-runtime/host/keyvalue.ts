/**
 * wasi:keyvalue (store, atomics, batch): values as files in a directory that the pod was granted. A file has the digest of its
 * key as name, so that a key can be any text; it begins with the key, and appears by a rename, so that there is never half a
 * value. A store has a quota, because a device has one disk for all.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./io.ts";

export interface StoreGrant {
  /** what the guest calls it */
  readonly name: string;
  readonly directory: string;
  readonly maxBytes: number;
}

type KeyValueError = { readonly tag: "no-such-store" | "access-denied" } | { readonly tag: "other"; readonly val: string };

const MAX_KEY_BYTES = 1024;
const MAX_VALUE_BYTES = 1 << 20;
/** One directory is read to list them. */
const MAX_KEYS = 10_000;

const other = (why: string) => new Failure<KeyValueError>({ tag: "other", val: why });

export class Bucket {
  #directory = "";
  #maxBytes = 0;

  static of({ directory, maxBytes }: StoreGrant): Bucket {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const bucket = new Bucket();
    bucket.#directory = directory;
    bucket.#maxBytes = maxBytes;
    return bucket;
  }

  get(key: string): Uint8Array | undefined {
    return entryOf(this.#pathOf(key))?.value;
  }

  exists(key: string): boolean {
    return this.get(key) !== undefined;
  }

  set(key: string, value: Uint8Array): void {
    const path = this.#pathOf(key);
    if (value.length > MAX_VALUE_BYTES) throw other(`a value may have ${MAX_VALUE_BYTES} bytes`);
    const name = Buffer.from(key);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(name.length);
    const sizes = this.#files().map((file) => statSync(join(this.#directory, file), { throwIfNoEntry: false })?.size ?? 0);
    const replaced = statSync(path, { throwIfNoEntry: false })?.size;
    const used = sizes.reduce((sum, size) => sum + size, 0) - (replaced ?? 0);
    if (used + head.length + name.length + value.length > this.#maxBytes) throw other(`the store is full: its quota is ${this.#maxBytes} bytes`);
    if (replaced === undefined && sizes.length >= MAX_KEYS) throw other(`a store may have ${MAX_KEYS} keys`);
    const draft = `${path}.${process.pid}.new`;
    writeFileSync(draft, Buffer.concat([head, name, value]), { mode: 0o600 });
    renameSync(draft, path);
  }

  delete(key: string): void {
    rmSync(this.#pathOf(key), { force: true });
  }

  /** all at once: the bound on keys keeps it small */
  listKeys() {
    const keys = this.#files().flatMap((file) => entryOf(join(this.#directory, file))?.key ?? []);
    return { keys: keys.toSorted(), cursor: undefined };
  }

  #files = () => readdirSync(this.#directory).filter((name) => !name.endsWith(".new"));

  #pathOf(key: string): string {
    if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw other(`a key may have ${MAX_KEY_BYTES} bytes`);
    // loaded here because most processes never need it
    const { createHash } = process.getBuiltinModule("node:crypto");
    return join(this.#directory, createHash("sha256").update(key).digest("hex"));
  }
}

function entryOf(path: string): { readonly key: string; readonly value: Uint8Array } | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return undefined;
  }
  const length = bytes.length < 4 ? 0 : bytes.readUInt32LE();
  return bytes.length < 4 + length ? undefined : { key: bytes.toString("utf8", 4, 4 + length), value: bytes.subarray(4 + length) };
}

export function keyvalue(grants: readonly StoreGrant[], refused: (what: string) => void) {
  return {
    store: {
      Bucket,
      open(name: string): Bucket {
        const grant = grants.find((one) => one.name === name);
        if (grant !== undefined) return Bucket.of(grant);
        refused(`the key-value store "${name}"`);
        throw new Failure<KeyValueError>({ tag: grants.length === 0 ? "access-denied" : "no-such-store" });
      },
    },
    atomics: {
      Bucket,
      /** the value is a decimal number, as text */
      increment(bucket: Bucket, key: string, delta: bigint): bigint {
        const now = Buffer.from(bucket.get(key) ?? []).toString();
        if (!/^-?\d{0,20}$/.test(now)) throw other("the value is no number");
        const next = BigInt(now === "" ? 0 : now) + delta;
        bucket.set(key, Buffer.from(String(next)));
        return next;
      },
    },
    batch: {
      Bucket,
      getMany: (bucket: Bucket, keys: readonly string[]) =>
        keys.map((key) => {
          const value = bucket.get(key);
          return value === undefined ? undefined : [key, value];
        }),
      setMany: (bucket: Bucket, entries: readonly (readonly [string, Uint8Array])[]) => {
        for (const [key, value] of entries) bucket.set(key, value);
      },
      deleteMany: (bucket: Bucket, keys: readonly string[]) => {
        for (const key of keys) bucket.delete(key);
      },
    },
  };
}

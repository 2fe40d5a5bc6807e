/**
 * A module bundle: what a device needs to run one component, as one file. One file so that a single digest covers it, a
 * single rename publishes it and a single read loads it: what was verified is what runs.
 *
 *   magic "lichenM1" · header length (u32, little endian) · header (JSON) · contents of the files, one after another
 */
/** "library": it exports what another component of the pod imports */
export type World = "command" | "http" | "library";

export const isWorld = (value: unknown): value is World => value === "command" || value === "http" || value === "library";

export interface BundleHeader {
  readonly world: World;
  /** interfaces as the component names them: "wasi:cli/environment@0.2.0" */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  /** "wasi:cli", "wasi:http/outgoing-handler", …: what the host must have to link it */
  readonly capabilities: readonly string[];
  /** "jco-transpile 0.15.0 sync": part of the identity of the result */
  readonly producer: string;
}

/** A component of WASI 0.3: its glue and its host are others. */
export const isAsynchronous = ({ imports, exports }: Pick<BundleHeader, "imports" | "exports">): boolean => [...imports, ...exports].some((name) => /^wasi:[a-z]+\/[a-z-]+@0\.3\./.test(name));

export interface Bundle {
  readonly header: BundleHeader;
  /** by name; `component.js` is the entry, the rest are core modules */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

interface FileEntry {
  readonly name: string;
  readonly size: number;
}

export const BUNDLE_ENTRY = "component.js";
const MAGIC = "lichenM1";
const FIXED_BYTES = 12;
/** A header lists names only; the largest real one is a few KiB. */
const MAX_HEADER_BYTES = 1 << 20;

export function packBundle(bundle: Bundle): Uint8Array {
  const files = [...bundle.files].map(([name, data]) => ({ name, size: data.length }));
  const header = Buffer.from(JSON.stringify({ ...bundle.header, files }));
  const start = Buffer.alloc(FIXED_BYTES);
  start.write(MAGIC, "latin1");
  start.writeUInt32LE(header.length, MAGIC.length);
  return Buffer.concat([start, header, ...bundle.files.values()]);
}

/** Views into `bytes`, nothing is copied. @throws Error when the bytes are not a whole bundle */
export function unpackBundle(bytes: Uint8Array): Bundle {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < FIXED_BYTES || view.toString("latin1", 0, MAGIC.length) !== MAGIC) {
    throw new Error("not a module bundle: the magic is missing");
  }
  const headerLength = view.readUInt32LE(MAGIC.length);
  if (headerLength > MAX_HEADER_BYTES || FIXED_BYTES + headerLength > view.length) {
    throw new Error("the module bundle is cut off in its header");
  }
  const { files: entries, ...header } = parseHeader(view.toString("utf8", FIXED_BYTES, FIXED_BYTES + headerLength));
  const files = new Map<string, Uint8Array>();
  let at = FIXED_BYTES + headerLength;
  for (const { name, size } of entries) {
    if (at + size > view.length) throw new Error(`the module bundle is cut off in ${name}`);
    files.set(name, bytes.subarray(at, at + size));
    at += size;
  }
  if (at !== view.length) throw new Error("the module bundle has bytes after its last file");
  return { header, files };
}

function parseHeader(text: string): BundleHeader & { readonly files: readonly FileEntry[] } {
  const value: unknown = JSON.parse(text);
  if (!isHeader(value)) throw new Error("the header of the module bundle lacks a field");
  return value;
}

function isHeader(value: unknown): value is BundleHeader & { readonly files: readonly FileEntry[] } {
  if (typeof value !== "object" || value === null) return false;
  const of = value as Record<string, unknown>;
  return (
    isWorld(of["world"]) &&
    isNames(of["imports"]) &&
    isNames(of["exports"]) &&
    isNames(of["capabilities"]) &&
    typeof of["producer"] === "string" &&
    Array.isArray(of["files"]) &&
    of["files"].every(isEntry)
  );
}

const isNames = (list: unknown) => Array.isArray(list) && list.every((name) => typeof name === "string");

function isEntry(file: unknown): boolean {
  const { name, size } = (file ?? {}) as Record<string, unknown>;
  return typeof name === "string" && Number.isSafeInteger(size) && (size as number) >= 0;
}

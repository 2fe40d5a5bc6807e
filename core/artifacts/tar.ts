/** Reads the files of a tar archive held in memory (POSIX ustar, and the GNU and pax names that image tools write). */
const BLOCK = 512;
const NAME = { at: 0, length: 100 };
const SIZE = { at: 124, length: 12 };
const TYPE = 156;
const PREFIX = { at: 345, length: 155 };

/** @throws Error when the archive is cut off or damaged */
export function readTar(archive: Buffer): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  let longName: string | undefined;
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return files;
    const size = Number.parseInt(text(header, SIZE), 8) || 0;
    const data = archive.subarray(at + BLOCK, at + BLOCK + size);
    if (data.length < size) throw new Error("the archive ends in the middle of a file");
    const type = String.fromCharCode(header[TYPE] ?? 0);
    if (type === "L") longName = data.toString("utf8").replace(/\0.*$/s, "");
    else if (type === "x") longName = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(data.toString("utf8"))?.[1];
    else {
      if (type === "0" || type === "\0") files.set(longName ?? nameOf(header), data);
      longName = undefined;
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  throw new Error("this is not a whole tar archive");
}

function nameOf(header: Buffer): string {
  const prefix = text(header, PREFIX);
  const name = text(header, NAME);
  return (prefix === "" ? name : `${prefix}/${name}`).replace(/^\.\//, "");
}

function text(header: Buffer, { at, length }: { readonly at: number; readonly length: number }): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString("utf8").trim();
}

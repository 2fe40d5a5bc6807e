/**
 * SQLite reads a write-ahead log up to the first frame whose checksum is wrong and takes the rest for the torn end of a
 * crash. After a flipped bit in the middle that would silently undo commits that were acknowledged. The difference can be
 * told: a transaction is written only after the one before it was synced, so behind a truly torn end there is at most the
 * end of one transaction. Two commits behind a bad frame, or any behind a bad header, were durable once.
 *
 * Layout and checksums: sqlite.org/fileformat2.html, "The Write-Ahead Log".
 */
const HEADER = 32;
const FRAME_HEADER = 24;
const MAGIC = 0x377f0682;

/** What is wrong with the bytes of a -wal file; undefined if SQLite may go by it. */
export function walDamage(wal: Buffer): string | undefined {
  if (wal.length < HEADER) return undefined;
  const magic = wal.readUInt32BE(0);
  const pageSize = wal.readUInt32BE(8);
  const plausible = (magic & ~1) >>> 0 === MAGIC && pageSize >= 512 && pageSize <= 65_536;
  const sums: Sums = [0, 0];
  const bigEndian = (magic & 1) === 1;
  addTo(sums, wal, 0, 24, bigEndian);
  if (!plausible || sums[0] !== wal.readUInt32BE(24) || sums[1] !== wal.readUInt32BE(28)) {
    // A log that was being begun is nothing but its header.
    return wal.length > HEADER + FRAME_HEADER ? "the header of its write-ahead log is wrong" : undefined;
  }
  const salt = wal.subarray(16, 24);
  let bad: number | undefined;
  let commitsBehind = 0;
  for (let at = HEADER, frame = 1; at + FRAME_HEADER + pageSize <= wal.length; at += FRAME_HEADER + pageSize, frame += 1) {
    const ofThisLog = wal.subarray(at + 8, at + 16).equals(salt);
    if (bad === undefined) {
      addTo(sums, wal, at, at + 8, bigEndian);
      addTo(sums, wal, at + FRAME_HEADER, at + FRAME_HEADER + pageSize, bigEndian);
      if (ofThisLog && sums[0] === wal.readUInt32BE(at + 16) && sums[1] === wal.readUInt32BE(at + 20)) continue;
      bad = frame;
    }
    // Frames of an earlier use of the file have another salt.
    if (ofThisLog && wal.readUInt32BE(at + 4) !== 0) commitsBehind += 1;
  }
  return commitsBehind > 1 ? `frame ${bad} of its write-ahead log is wrong, with ${commitsBehind} commits behind it` : undefined;
}

type Sums = [number, number];

function addTo(sums: Sums, bytes: Buffer, from: number, to: number, bigEndian: boolean): void {
  let [one, two] = sums;
  for (let at = from; at < to; at += 8) {
    one = (one + (bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + two) >>> 0;
    two = (two + (bigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + one) >>> 0;
  }
  sums[0] = one;
  sums[1] = two;
}

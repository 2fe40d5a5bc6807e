/**
 * Room for the parts of long answers, given again when a part is sent. Lists in new buffers each time cost more than their
 * bytes: V8 collects everything that the server holds whenever so much has been allocated beside its heap.
 */
import { PART_BYTES, type Room } from "../registry/encoded.ts";

/** What is kept when nothing is sent, 1 MiB: one connection has one part on its way, and few lists are read at once. */
const KEPT = 4;

export interface PartRooms {
  readonly take: Room;
  /** Nobody reads the part any more. Parts that have other room are left alone. */
  give(part: Uint8Array): void;
}

export function partRooms(): PartRooms {
  const free: Buffer[] = [];
  const own = new WeakMap<ArrayBufferLike, Buffer>();
  return {
    take(bytes) {
      // one object larger than a part
      if (bytes > PART_BYTES) return Buffer.allocUnsafeSlow(bytes);
      const known = free.pop();
      if (known !== undefined) return known;
      const room = Buffer.allocUnsafeSlow(PART_BYTES);
      own.set(room.buffer, room);
      return room;
    },
    give(part) {
      const room = own.get(part.buffer);
      if (room !== undefined && free.length < KEPT) free.push(room);
    },
  };
}

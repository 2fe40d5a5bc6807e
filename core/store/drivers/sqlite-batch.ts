/**
 * A batch of writes between the threads as one buffer: structured objects would be written and read field by field, names
 * and all, and a value alone may be a view of a large shared buffer. First the numbers of all writes, then all values.
 */
import type { StoreEvent } from "../store.ts";
import type { Write } from "./sqlite-log.ts";

/** One buffer goes to and fro: memory that is new for each commit costs more than what is copied into it. */
export const BUFFER_BYTES = 1024 * 1024;

export interface PackedBatch {
  readonly keys: readonly string[];
  readonly buffer: ArrayBuffer;
}

/** revision, created, previous, size of the value; a deletion has none */
const NUMBERS = 4;
const NO_VALUE = -1;

const sizeOf = ({ type, entry }: StoreEvent) => (type === "delete" ? 0 : entry.value.length);

/** Into `spare` when that is large enough. */
export function packed(batch: readonly StoreEvent[], spare: ArrayBuffer): PackedBatch {
  const head = batch.length * NUMBERS * Float64Array.BYTES_PER_ELEMENT;
  const size = batch.reduce((sum, event) => sum + sizeOf(event), head);
  const buffer = size <= spare.byteLength ? spare : new ArrayBuffer(Math.max(size, BUFFER_BYTES));
  const numbers = new Float64Array(buffer, 0, batch.length * NUMBERS);
  const bytes = new Uint8Array(buffer);
  let at = head;
  const keys = batch.map((event, index) => {
    const { type, entry, previous } = event;
    const from = index * NUMBERS;
    numbers[from] = entry.revision;
    numbers[from + 1] = entry.created;
    numbers[from + 2] = previous?.revision ?? 0;
    numbers[from + 3] = type === "delete" ? NO_VALUE : entry.value.length;
    if (type === "put") bytes.set(entry.value, at);
    at += sizeOf(event);
    return entry.key;
  });
  return { keys, buffer };
}

export function unpacked({ keys, buffer }: PackedBatch): readonly Write[] {
  const numbers = new Float64Array(buffer, 0, keys.length * NUMBERS);
  let at = numbers.byteLength;
  return keys.map((key, index) => {
    const from = index * NUMBERS;
    const [revision, created, previous, size] = [numbers[from] ?? 0, numbers[from + 1] ?? 0, numbers[from + 2] ?? 0, numbers[from + 3] ?? NO_VALUE];
    if (size === NO_VALUE) return { revision, key, created, previous, deleted: 1, value: null };
    at += size;
    return { revision, key, created, previous, deleted: 0, value: new Uint8Array(buffer, at - size, size) };
  });
}

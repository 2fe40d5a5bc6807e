/**
 * Values stay in memory for as long as their key lives. A value that is a view of a larger buffer (Node's pool for small
 * buffers, a chunk from the network) would keep all of that alive, so it is copied once; others are taken as they are.
 */
export function owned(value: Uint8Array): Uint8Array {
  return value.byteLength === value.buffer.byteLength ? value : new Uint8Array(value);
}

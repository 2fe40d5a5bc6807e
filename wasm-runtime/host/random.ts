/** wasi:random 0.2. The one call whose result length is the guest's word alone, so it is capped. */
/** More than any key or nonce; wasi-libc's getentropy asks for 256 at most. */
export const MAX_RANDOM_BYTES = 1 << 20;
/** getRandomValues' own limit per call (Web Cryptography API, 10.1.1). */
const CHUNK_BYTES = 65_536;

function bytes(length: bigint): Uint8Array {
  if (length > BigInt(MAX_RANDOM_BYTES)) throw new Error(`${length} random bytes asked for, at most ${MAX_RANDOM_BYTES} are given at once`);
  // node:crypto takes 12 ms to load, and most components never ask
  const { getRandomValues } = process.getBuiltinModule("node:crypto");
  const all = new Uint8Array(Number(length));
  for (let at = 0; at < all.length; at += CHUNK_BYTES) getRandomValues(all.subarray(at, at + CHUNK_BYTES));
  return all;
}

const u64 = () => new DataView(bytes(8n).buffer).getBigUint64(0);

export const random = { getRandomBytes: bytes, getRandomU64: u64 };
export const insecure = { getInsecureRandomBytes: bytes, getInsecureRandomU64: u64 };
export const insecureSeed = { insecureSeed: () => [u64(), u64()] };

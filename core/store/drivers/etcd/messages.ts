/** The requests and answers of etcd's API v3 that a store needs (etcd.io, "etcd API"; field numbers of rpc.proto and kv.proto). */
import type { Message } from "./protobuf.ts";
import { decode, encode } from "./protobuf.ts";

export const RANGE = "/etcdserverpb.KV/Range";
export const TXN = "/etcdserverpb.KV/Txn";
export const PUT = "/etcdserverpb.KV/Put";
export const COMPACT = "/etcdserverpb.KV/Compact";
export const WATCH = "/etcdserverpb.Watch/Watch";

export interface KeyValue {
  readonly key: string;
  readonly created: number;
  readonly revision: number;
  readonly value: Buffer;
}

const keyValue = (message: Message): KeyValue => ({ key: message.text(1), created: message.integer(2), revision: message.integer(3), value: message.bytes(5) });
const revisionOf = (answer: Message) => answer.message(1).integer(3);

export interface RangeQuery {
  readonly key: string;
  readonly end?: string | undefined;
  readonly limit?: number | undefined;
  readonly revision?: number | undefined;
}

export function rangeRequest({ key, end, limit, revision }: RangeQuery): Buffer {
  return encode([[1, key], [2, end], [3, limit], [4, revision]]);
}

export function rangeAnswer(bytes: Buffer): { readonly entries: readonly KeyValue[]; readonly count: number; readonly revision: number } {
  const answer = decode(bytes);
  return { entries: answer.messages(2).map(keyValue), count: answer.integer(4), revision: revisionOf(answer) };
}

export function putRequest(key: string): Buffer {
  return encode([[1, key]]);
}

export const putAnswer = (bytes: Buffer): number => revisionOf(decode(bytes));

export interface KeyAt {
  readonly key: string;
  readonly revision: number;
}

function isAt({ key, revision }: KeyAt): Buffer {
  const EQUAL = 0;
  const MOD_REVISION = 2;
  return encode([[1, EQUAL], [2, MOD_REVISION], [3, key], [6, revision]]);
}

/** Writes a key without a value if another one is at a revision. */
export function putIfRequest(key: string, condition: KeyAt): Buffer {
  return encode([[1, isAt(condition)], [2, encode([[2, encode([[1, key]])]])]]);
}

/** If the key is at `expected` (0: absent), and `fence` as it says, writes it, or deletes it if there is no value; else reads it. */
export function swapRequest(key: string, value: Uint8Array | undefined, expected: number, fence?: KeyAt): Buffer {
  const conditions = [{ key, revision: expected }, ...(fence === undefined ? [] : [fence])];
  const write = value === undefined ? encode([[3, encode([[1, key], [3, true]])]]) : encode([[2, encode([[1, key], [2, value]])]]);
  const read = encode([[1, encode([[1, key]])]]);
  return encode([...conditions.map((each): [number, Buffer] => [1, isAt(each)]), [2, write], [3, read]]);
}

export type SwapAnswer =
  | { readonly won: true; readonly revision: number; readonly deleted: KeyValue | undefined }
  | { readonly won: false; readonly current: KeyValue | undefined };

export function swapAnswer(bytes: Buffer): SwapAnswer {
  const answer = decode(bytes);
  const [result] = answer.messages(3);
  if (answer.integer(2) === 1) return { won: true, revision: revisionOf(answer), deleted: result?.message(3).messages(3).map(keyValue)[0] };
  return { won: false, current: result?.message(1).messages(2).map(keyValue)[0] };
}

export const compactRequest = (revision: number): Buffer => encode([[1, revision]]);

export function watchRequest(key: string, end: string, start: number): Buffer {
  return encode([[1, encode([[1, key], [2, end], [3, start], [8, true]])]]);
}

export interface WatchAnswer {
  readonly created: boolean;
  readonly canceled: boolean;
  /** of a watch that began before it */
  readonly compacted: number;
  readonly reason: string;
  readonly events: readonly { readonly deleted: boolean; readonly entry: KeyValue }[];
}

export function watchAnswer(bytes: Buffer): WatchAnswer {
  const answer = decode(bytes);
  return {
    created: answer.integer(3) === 1,
    canceled: answer.integer(4) === 1,
    compacted: answer.integer(5),
    reason: answer.text(6),
    events: answer.messages(11).map((event) => ({ deleted: event.integer(1) === 1, entry: keyValue(event.message(2)) })),
  };
}

/** The first key after all that begin with `prefix` (ASCII). */
export function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

import { createHash } from "node:crypto";
import test from "ava";
import * as fc from "fast-check";
import { Encoder } from "cbor-x";
import { decodePayload, encodeEnvelope } from "../../core/wire/codec.ts";
import { keysOfVersion, keyTable } from "../../core/wire/key-table.ts";
import type { Envelope, Up } from "../../core/wire/messages.ts";
import { MAX_DEPTH, MAX_MESSAGE_BYTES } from "../../core/wire/scan.ts";

const envelope = <M>(body: M): Envelope<M> => ({ v: 1, session: "s", seq: 1, at: 1_700_000_000_123, body });

const jsonLike = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom(...keyTable)).filter((key) => key !== "__proto__"),
      tie("value"),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).value;

test("JSON-like data comes back as it was", (t) => {
  fc.assert(
    fc.property(jsonLike, (body) => {
      // padding keeps the bound on density away from tiny random data
      const padded = envelope({ pad: "x".repeat(2_000), body });
      t.is(JSON.stringify(decodePayload(encodeEnvelope(padded))), JSON.stringify(padded));
    }),
    { numRuns: 500 },
  );
});

test("a fleet's keys never change their number", (t) => {
  t.is(new Set(keyTable).size, keyTable.length, "a name twice has two numbers");
  t.is(keysOfVersion.at(-1), keyTable.length);
  // names of version 1; a later version has its own line here, this one stays
  t.is(createHash("sha256").update(keyTable.slice(0, keysOfVersion[1]).join()).digest("hex"), "14aaaa244deac1a5fa5ecfcbfe051bc62057854d64e923c4c5f21a99a0deb268");
});

test("field names of the table cost a byte or two", (t) => {
  const named = encodeEnvelope(envelope({ lastTransitionTime: "", containerStatuses: "" }));
  const free = encodeEnvelope(envelope({ lastTransitionTimf: "", containerStatusez: "" }));
  t.is(free.length - named.length, "lastTransitionTime".length + "containerStatuses".length - 1);
});

test("absent fields are not sent", (t) => {
  const body: Up = { type: "observed", full: false, node: undefined, pods: [{ namespace: "a", name: "b", uid: "c", status: undefined }], events: [] };
  t.deepEqual(decodePayload(encodeEnvelope(envelope(body))), envelope({ type: "observed", full: false, pods: [{ namespace: "a", name: "b", uid: "c" }], events: [] }));
});

test("a version that nobody knows is not encoded", (t) => {
  t.throws(() => encodeEnvelope({ ...envelope({ type: "resync" }), v: 99 }), { message: /version 99/ });
});

const bytes = (...parts: (number | Uint8Array)[]) => Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? [part] : [...part])));
const filler = (length: number) => new Uint8Array(length).fill(0x61);

const refused: Record<string, [Uint8Array, RegExp]> = {
  "bignum, tag 2": [bytes(0xc2, 0x43, 1, 2, 3), /tag 2 /],
  "bignum, tag 3": [bytes(0xc3, 0x43, 1, 2, 3), /tag 3 /],
  "regular expressions and errors, tag 27": [bytes(0xd8, 27, 0x82, 0x66, filler(6), 0x60), /tag 27 /],
  "shared values, tags 28 and 29": [bytes(0xd8, 28, 0xa1, 0x61, 0x61, 0xd8, 29, 0), /tag 28 /],
  "dates, tag 0": [bytes(0xc0, 0x60), /tag 0 /],
  "records, tag 105": [bytes(0xd8, 105, 0x80), /tag 105 /],
  "large tag": [bytes(0xdb, 0, 0, 0, 1, 0, 0, 0, 1, 0x60), /tag/],
  "indefinite array": [bytes(0x9f, 0xff), /indefinite/],
  "indefinite map": [bytes(0xbf, 0xff), /indefinite/],
  "indefinite text": [bytes(0x7f, 0x61, 0x61, 0xff), /indefinite/],
  "byte string": [bytes(0x41, 1), /byte strings/],
  undefined: [bytes(0xf7), /simple value/],
  "other simple value": [bytes(0xf8, 200), /simple value/],
  NaN: [bytes(0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0), /finite/],
  "half infinity": [bytes(0xf9, 0x7c, 0x00), /finite/],
  "single infinity": [bytes(0xfa, 0x7f, 0x80, 0, 0), /finite/],
  "integer beyond 2^53": [bytes(0x1b, 0xff, 0, 0, 0, 0, 0, 0, 0), /2\^53/],
  "huge array header": [bytes(0x9b, 0, 0, 0, 1, 0, 0, 0, 0), /longer than the message/],
  "huge map header": [bytes(0xba, 0xff, 0xff, 0xff, 0xff), /longer than the message/],
  "huge text header": [bytes(0x7a, 0xff, 0xff, 0xff, 0xff), /longer than the message/],
  "nested arrays that announce more than there is": [bytes(...Array.from({ length: 20 }, () => 0x98), 0xff), /./],
  "deep nesting": [bytes(...Array.from({ length: MAX_DEPTH + 1 }, () => 0x81), 0x60, 0x60), /deeper than/],
  "a million levels": [new Uint8Array(1_000_000).fill(0x81), /deeper than/],
  "map key that is a list": [bytes(0xa1, 0x80, 0x60), /map key/],
  "unknown key number": [bytes(0xa1, 0x19, 0x0f, 0xff, 0x60), /key table/],
  truncated: [encodeEnvelope(envelope({ type: "resync" })).subarray(0, -3), /ends within|longer than/],
  empty: [new Uint8Array(0), /ends within/],
  "two messages": [bytes(0x60, 0x60), /after the message/],
  "more items than a message can mean": [bytes(0x99, 0x27, 0x10, new Uint8Array(10_000)), /more than .* items/],
  "too large": [new Uint8Array(MAX_MESSAGE_BYTES + 1), /larger than/],
};
for (const [name, [payload, reason]] of Object.entries(refused)) {
  test(`refused: ${name}`, (t) => void t.throws(() => decodePayload(payload), { message: reason }));
}

test("a depth that messages need is accepted", (t) => {
  const deep = bytes(...Array.from({ length: MAX_DEPTH }, () => 0x81), 0x78, 40, filler(40));
  t.notThrows(() => decodePayload(deep));
});

test("no field name reaches the prototype", (t) => {
  const bomb = new Encoder({ useRecords: false, mapsAsObjects: false }).encode(
    new Map<string, unknown>([
      ["__proto__", new Map([["polluted", true]])],
      ["constructor", new Map([["prototype", new Map([["polluted", true]])]])],
      ["pad", "x".repeat(100)],
    ]),
  );
  const decoded = decodePayload(bomb);
  t.is(Object.getPrototypeOf(decoded), Object.prototype);
  t.false("polluted" in {});
});

test("random bytes and damaged messages give data or an error, never anything else", (t) => {
  const honest = encodeEnvelope(envelope({ type: "hello", instance: "i", agentVersion: "1", have: [["v1/pods", "default", "web", "u", "12"]] }));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.tuple(fc.nat(honest.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }).map((changes) => {
          const damaged = Uint8Array.from(honest);
          for (const [at, value] of changes) damaged[at] = value;
          return damaged;
        }),
      ),
      (payload) => {
        let decoded: unknown;
        try {
          decoded = decodePayload(payload);
        } catch (error) {
          t.true(error instanceof Error);
          return;
        }
        t.notThrows(() => JSON.stringify(decoded));
      },
    ),
    { numRuns: 5_000 },
  );
  t.deepEqual(Object.keys(Object.prototype), []);
});

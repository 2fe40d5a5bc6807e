import test from "ava";
import * as fc from "fast-check";
import { CHUNK_BYTES, joiner, MAX_PAYLOAD_BYTES, split } from "../../core/wire/chunks.ts";
import { MAX_MESSAGE_BYTES } from "../../core/wire/scan.ts";

const message = (length: number) => Uint8Array.from({ length }, (_, index) => (index === 0 ? 0xa1 : index % 251));

test("what is split comes back whole, and every piece fits a packet", (t) => {
  for (const length of [1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES, 5 * CHUNK_BYTES + 7]) {
    const pieces = split(message(length), 7);
    t.true(pieces.every((piece) => piece.length <= MAX_PAYLOAD_BYTES));
    const join = joiner();
    const joined = pieces.map((piece) => join.accept(piece));
    t.deepEqual(joined.slice(0, -1), pieces.slice(1).map(() => ({})));
    t.deepEqual(joined.at(-1)?.message, message(length));
    t.is(join.held(), 0);
  }
});

test("a repeated piece changes nothing, a missing one drops the message with a reason", (t) => {
  const pieces = split(message(3 * CHUNK_BYTES), 1);
  const [first, second, third] = pieces;
  if (first === undefined || second === undefined || third === undefined) return t.fail();
  const join = joiner();
  for (const piece of [first, first, second, first, second]) t.deepEqual(join.accept(piece), {});
  t.deepEqual(join.accept(third).message, message(3 * CHUNK_BYTES));

  t.deepEqual(join.accept(first), {});
  const refused = join.accept(third);
  t.true("refused" in refused);
  t.is(join.held(), 0);
});

test("the next message replaces one that never ended", (t) => {
  const join = joiner();
  const [begun] = split(message(3 * CHUNK_BYTES), 1);
  t.deepEqual(join.accept(begun ?? new Uint8Array()), {});
  const whole = split(message(2 * CHUNK_BYTES), 2).map((piece) => join.accept(piece));
  t.is(whole.at(-1)?.message?.length, 2 * CHUNK_BYTES);
});

test("held bytes are bounded", (t) => {
  t.throws(() => split(new Uint8Array(MAX_MESSAGE_BYTES + 1), 1), { message: /larger than/ });
  const join = joiner(2 * CHUNK_BYTES);
  const answers = split(message(4 * CHUNK_BYTES), 1).map((piece) => join.accept(piece));
  t.true(answers.some((answer) => "refused" in answer && answer.refused !== undefined && answer.refused.includes("larger than")));
  t.true(join.held() <= 2 * CHUNK_BYTES);
  t.true("refused" in join.accept(new Uint8Array(MAX_PAYLOAD_BYTES + 1)));
});

test("any sequence of pieces gives whole messages only", (t) => {
  const messages = [1, 2, 3].map((id) => message(2 * CHUNK_BYTES + id));
  const pieces = messages.flatMap((one, index) => [...split(one, index)]);
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(pieces.length - 1), fc.uint8Array({ maxLength: 40 })), { maxLength: 30 }), (order) => {
      const join = joiner();
      for (const one of order) {
        const payload = typeof one === "number" ? pieces[one] : one;
        if (payload === undefined) continue;
        const joined = join.accept(payload).message;
        if (joined === undefined || joined === payload) t.true(join.held() <= 4 * CHUNK_BYTES);
        else t.true(messages.some((whole) => Buffer.compare(whole, joined) === 0));
      }
    }),
    { numRuns: 200 },
  );
});

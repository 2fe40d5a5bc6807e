import test from "ava";
import fc from "fast-check";
import { partRooms } from "../../core/http/part-rooms.ts";
import { encodedList, keepListBytes, PART_BYTES, type StoredBytes } from "../../core/registry/encoded.ts";

const HEAD = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{';

function stored(index: number, text: string): StoredBytes {
  return { bytes: Buffer.from(`${HEAD}"name":"c${index}"},"data":{"text":"${text}"}}`), head: HEAD.length, revision: index + 1 };
}

function listOf(sizes: readonly number[]) {
  const list = { apiVersion: "v1", kind: "ConfigMapList", metadata: {}, items: [] };
  keepListBytes(list, { opening: '{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[', items: sizes.map((size, index) => stored(index, "x".repeat(size))), bare: true });
  const encoded = encodedList(list);
  if (encoded === undefined) throw new Error("no list");
  return encoded;
}

test("parts together are the list, whatever the sizes of its items, and none but a large item exceeds the size of a part", (t) => {
  const sizes = fc.array(fc.oneof(fc.nat(2_000), fc.integer({ min: 200_000, max: 300_000 })), { maxLength: 12 });
  fc.assert(
    fc.property(sizes, (items) => {
      const list = listOf(items);
      const { take, give } = partRooms();
      const copies: Buffer[] = [];
      for (const part of list.parts(take)) {
        copies.push(Buffer.from(part));
        if (part.length > PART_BYTES) t.true(items.some((size) => size + 200 > PART_BYTES), "one item alone");
        // sent: the room may hold the next part
        give(part);
      }
      const whole = Buffer.concat(copies);
      t.is(whole.length, list.length);
      const { items: read } = JSON.parse(whole.toString()) as { items: { metadata: { name: string; resourceVersion: string }; data: { text: string } }[] };
      t.deepEqual(read.map(({ metadata, data }) => [metadata.name, metadata.resourceVersion, data.text.length]), items.map((size, index) => [`c${index}`, `${index + 1}`, size]));
    }),
    { numRuns: 30 },
  );
});

test("room that is given back is given again, and room on its way is not", (t) => {
  const { take, give } = partRooms();
  const first = take(10);
  const second = take(10);
  t.not(first.buffer, second.buffer);
  give(first.subarray(0, 10));
  t.is(take(20).buffer, first.buffer);
  give(Buffer.alloc(10));
  t.false([first.buffer, second.buffer].includes(take(10).buffer), "what is not its own is not given");
});

import test from "ava";
import * as fc from "fast-check";
import { encodeEnvelope } from "../../core/wire/codec.ts";
import type { Down, Up } from "../../core/wire/messages.ts";
import { parseDown, parseUp } from "../../core/wire/parse.ts";

const wrap = (body: unknown) => encodeEnvelope({ v: 1, session: "s1", seq: 3, at: 5, body });

const ups: readonly Up[] = [
  { type: "hello", instance: "i", agentVersion: "0.1", have: [["v1/pods", "default", "web", "uid", "7"]] },
  {
    type: "observed",
    full: true,
    node: { labels: { "kubernetes.io/arch": "arm64" }, status: { capacity: { cpu: "4" } } as never },
    pods: [
      { namespace: "default", name: "web", uid: "u", status: { phase: "Running" } as never },
      { namespace: "default", name: "old", uid: "v", gone: true },
    ],
    events: [
      {
        regarding: { apiVersion: "v1", kind: "Pod", namespace: "default", name: "web", uid: "u", fieldPath: "spec.containers{a}" },
        type: "Warning",
        reason: "BackOff",
        message: "Back-off restarting failed container",
        count: 3,
        first: 1,
        last: 2,
      },
    ],
  },
  { type: "resync" },
  { type: "pong" },
  { type: "renew", csr: "PEM" },
  { type: "token", id: 1, namespace: "a", serviceAccount: "b", pod: "c", podUid: "d", audiences: ["x"], expirationSeconds: 600 },
];
const downs: readonly Down[] = [
  { type: "desired", full: true, put: [{ apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "default" }, spec: { containers: [] } }], drop: [["v1/pods", "default", "old"]], now: 9 },
  { type: "accepted", observed: 4 },
  { type: "resync" },
  { type: "ping" },
  { type: "certificate", pem: "PEM" },
  { type: "token", id: 1, token: "t", expires: "2030-01-01T00:00:00Z" },
  { type: "token", id: 2, error: "no" },
];

for (const body of ups) test(`up: ${body.type} arrives as it was sent`, (t) => t.deepEqual(parseUp(wrap(body)), { ok: true, envelope: { v: 1, session: "s1", seq: 3, at: 5, body } }));
downs.forEach((body, index) =>
  test(`down: ${body.type} (${index}) arrives as it was sent`, (t) => t.deepEqual(parseDown(wrap(body)), { ok: true, envelope: { v: 1, session: "s1", seq: 3, at: 5, body } })),
);

const wrong: Record<string, [unknown, RegExp]> = {
  "no type": [{}, /body\.type is not known/],
  "a type of a newer agent": [{ type: "teleport" }, /newer/],
  "a type that is a property of every object": [{ type: "constructor" }, /newer/],
  "a missing field": [{ type: "renew" }, /body\.csr is not text/],
  "a wrong entry": [{ type: "hello", instance: "i", agentVersion: "1", have: [["v1/pods", "a", "b"]] }, /have\[0\] is not \(resource/],
  "a number that is text": [{ type: "token", id: "1", namespace: "a", serviceAccount: "b", pod: "c", podUid: "d", audiences: [], expirationSeconds: 1 }, /body\.id is not a whole number/],
  "long names": [{ type: "hello", instance: "x".repeat(1_000), agentVersion: "1", have: [] }, /longer than/],
};
for (const [name, [body, reason]] of Object.entries(wrong)) {
  test(`refused: ${name}`, (t) => {
    const parsed = parseUp(wrap(body));
    t.false(parsed.ok);
    if (!parsed.ok) t.regex(parsed.reason, reason);
  });
}

test("another wire version is refused by name", (t) => {
  const [last] = wrap({ type: "pong" }).subarray(-1);
  t.not(last, undefined);
  const foreign = Uint8Array.from(wrap({ type: "pong" }));
  // the envelope begins: map of 5, key 0 (v), value 1
  t.deepEqual([...foreign.subarray(0, 3)], [0xa5, 0, 1]);
  foreign[2] = 9;
  t.deepEqual(parseUp(foreign), { ok: false, reason: "wire version 9 is not spoken here, only 1" });
});

test("fields that no message has are dropped", (t) => {
  const parsed = parseUp(wrap({ type: "pong", isAdmin: true }));
  t.deepEqual(parsed.ok && parsed.envelope.body, { type: "pong" });
});

test("any bytes give a message or a reason", (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.jsonValue().map((value) => wrap(value)), fc.jsonValue().map((value) => wrap({ type: "observed", ...(typeof value === "object" ? value : {}) }))), (payload) => {
      const parsed = parseUp(payload);
      t.is(typeof (parsed.ok ? parsed.envelope.session : parsed.reason), "string");
    }),
    { numRuns: 2_000 },
  );
});

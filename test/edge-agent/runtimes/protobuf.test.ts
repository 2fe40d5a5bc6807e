import test from "ava";
import fc from "fast-check";
import { messages } from "../../../edge-agent/runtimes/containerd/messages.ts";
import { protobuf } from "../../../edge-agent/runtimes/containerd/protobuf.ts";

const codec = protobuf(messages);

test("strings and numbers are written as the encoding guide says", (t) => {
  const bytes = codec.encode("PodSandboxMetadata", { name: "a", uid: "b", namespace: "c", attempt: 300 });
  t.is(Buffer.from(bytes).toString("hex"), "0a01611201621a016320ac02");
});

test("negative integers take ten bytes and come back", (t) => {
  const bytes = codec.encode("LinuxContainerResources", { oom_score_adj: -997 });
  t.is(Buffer.from(bytes).toString("hex"), "289bf8ffffffffffffff01");
  t.is(codec.decode("LinuxContainerResources", bytes).oom_score_adj, -997);
});

test("unknown fields are skipped, whatever their type", (t) => {
  const known = codec.encode("PodSandboxMetadata", { name: "n" });
  const unknown = Buffer.from([0xf8, 0x07, 0x05, 0xfa, 0x07, 0x02, 0x61, 0x62, 0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8, 0xfd, 0x07, 1, 2, 3, 4]);
  t.deepEqual(codec.decode("PodSandboxMetadata", Buffer.concat([unknown, known, unknown])), { name: "n" });
});

test("truncated input is refused", (t) => {
  const bytes = codec.encode("PodSandboxConfig", { hostname: "a-long-host-name", labels: { a: "b" } });
  t.throws(() => codec.decode("PodSandboxConfig", bytes.subarray(0, bytes.length - 3)), { message: /ends inside/ });
});

test("what is encoded decodes to the same", (t) => {
  const text = fc.string({ unit: "grapheme" });
  const integer = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constant(0), fc.constant(Number.MAX_SAFE_INTEGER), fc.constant(Number.MIN_SAFE_INTEGER));
  const map = fc.dictionary(text.filter((key) => key !== "__proto__"), text, { minKeys: 1 }).map((entries) => ({ ...entries }));
  const config = fc.record(
    {
      hostname: text,
      labels: map,
      metadata: fc.record({ name: text, attempt: integer }, { requiredKeys: [] }),
      dns_config: fc.record({ servers: fc.array(text, { minLength: 1 }) }),
      linux: fc.record({ security_context: fc.record({ supplemental_groups: fc.array(integer, { minLength: 1 }), privileged: fc.boolean() }) }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(config, (value) => {
      t.deepEqual(codec.decode("PodSandboxConfig", codec.encode("PodSandboxConfig", value)), value);
    }),
  );
});

import test from "ava";
import fc from "fast-check";
import { ApiError } from "../../core/api/status.ts";
import { decodeCbor, encodeCbor } from "../../core/http/cbor.ts";
import { configMap, openApi } from "./support/api.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

test("what is written is read again", (t) => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      t.deepEqual(decodeCbor(encodeCbor(value)), JSON.parse(JSON.stringify(value).replaceAll(/(?<=[[,:])-0(?=[\],}])/g, "0")));
    }),
    { numRuns: 300 },
  );
});

test("bytes of RFC 8949, appendix A, and the forms of KEP-4222", (t) => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["1903e8", 1000],
    ["3903e7", -1000],
    ["1b000000e8d4a51000", 1_000_000_000_000],
    ["f93c00", 1],
    ["f90001", 5.960464477539063e-8],
    ["f9c400", -4],
    ["fa47c35000", 100_000],
    ["fbc010666666666666", -4.1],
    ["f4", false],
    ["f6", null],
    ["62c3bc", "ü"],
    ["4161", "a"],
    ["83010203", [1, 2, 3]],
    ["a2 6161 01 4162 820203", { a: 1, b: [2, 3] }],
    ["d9d9f7 a1 416b 4176", { k: "v" }],
    ["d6 43 010203", "AQID"],
    ["d7 43 010203", "010203"],
    ["a1 69 5f5f70726f746f5f5f 01", JSON.parse('{"__proto__":1}')],
  ];
  for (const [bytes, value] of cases) t.deepEqual(decodeCbor(hex(bytes)), value, bytes);
  t.is(Buffer.from(encodeCbor({ k: "v" })).toString("hex"), "d9d9f7a1416b4176");
});

test("what is not plain data is refused", (t) => {
  const cases = ["", "81", "5f4101ff", "9f01ff", "a1 01 02", "a2 6161 01 6161 02", "61ff", "c2 41ff", "d81c 80", "f97c00", "f7", "1bffffffffffffffff", "9bffffffffffffff00", "5bffffffffffffff00", "bb00ffffffffffffff", "0101"];
  for (const bytes of cases) t.throws(() => decodeCbor(hex(bytes)), { instanceOf: ApiError, message: /^error decoding CBOR: / }, bytes);
  t.throws(() => decodeCbor(Buffer.alloc(10_000, 0x81)), { message: /max depth/ });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decodeCbor(bytes);
      } catch (error) {
        t.true(error instanceof ApiError);
      }
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

const cbor = { accept: "application/cbor", "content-type": "application/cbor" };
const bytesOf = async (response: Response) => decodeCbor(new Uint8Array(await response.arrayBuffer()));
const path = "/api/v1/namespaces/default/configmaps";

test("objects, lists, options and applied configurations in CBOR", async (t) => {
  const api = await openApi({ cbor: true });
  const made = await api.send("POST", path, { body: encodeCbor(configMap("a")), headers: cbor });
  t.is(made.status, 201);
  t.is(made.headers.get("content-type"), "application/cbor");
  t.like(await bytesOf(made), { kind: "ConfigMap", metadata: { name: "a" }, data: { k: "v" } });
  const applied = await api.send("PATCH", `${path}/a?fieldManager=x&force=true`, {
    body: encodeCbor(configMap("a", { k: "w" })),
    headers: { "content-type": "application/apply-patch+cbor" },
  });
  t.like(await applied.json(), { data: { k: "w" } });
  t.like(await bytesOf(await api.send("GET", path, { headers: cbor })), { kind: "ConfigMapList", items: [{ data: { k: "w" } }] });
  const secret = await api.send("POST", "/api/v1/namespaces/default/secrets", {
    body: hex(`a4 4a${Buffer.from("apiVersion").toString("hex")} 427631 44${Buffer.from("kind").toString("hex")} 46${Buffer.from("Secret").toString("hex")} 48${Buffer.from("metadata").toString("hex")} a1 446e616d65 4173 44${Buffer.from("data").toString("hex")} a1 416b d6 43 010203`),
    headers: { "content-type": "application/cbor" },
  });
  t.like(await secret.json(), { data: { k: "AQID" } }, "bytes behind tag 22");
  t.is((await api.send("DELETE", `${path}/a`, { body: encodeCbor({ kind: "DeleteOptions", apiVersion: "v1", dryRun: ["All"] }), headers: cbor })).status, 200);
  const refused = await api.send("POST", path, { body: Buffer.from([0x81]), headers: cbor });
  t.is(refused.status, 400);
});

test("a watch in CBOR is a sequence, with initial events and their bookmark", async (t) => {
  const api = await openApi({ cbor: true });
  await api.send("POST", path, { body: configMap("a") });
  const response = await api.send("GET", `${path}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`, { headers: { accept: "application/cbor-seq" } });
  t.is(response.headers.get("content-type"), "application/cbor-seq");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const chunk = Buffer.from((await reader.read()).value ?? []);
  const second = chunk.indexOf(hex("d9d9f7"), 3);
  t.like(decodeCbor(chunk.subarray(0, second)), { type: "ADDED", object: { metadata: { name: "a" } } });
  t.like(decodeCbor(chunk.subarray(second)), { type: "BOOKMARK", object: { metadata: { annotations: { "k8s.io/initial-events-end": "true" } } } });
  await reader.cancel();
});

test("without the gate there is no CBOR", async (t) => {
  const api = await openApi();
  t.is((await api.send("GET", path, { headers: { accept: "application/cbor" } })).status, 406);
  t.is((await api.send("POST", path, { body: encodeCbor(configMap("a")), headers: cbor })).status, 406);
  t.is((await api.send("POST", path, { body: encodeCbor(configMap("a")), headers: { "content-type": "application/cbor" } })).status, 415);
  t.is((await api.send("PATCH", `${path}/a?fieldManager=x`, { body: encodeCbor(configMap("a")), headers: { "content-type": "application/apply-patch+cbor" } })).status, 415);
});

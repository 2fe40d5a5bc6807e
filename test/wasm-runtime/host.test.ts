import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import test from "ava";
import type { ExecutionContext } from "ava";
import fc from "fast-check";
import { Fields } from "../../wasm-runtime/host/http-fields.ts";
import { filesystem } from "../../wasm-runtime/host/filesystem.ts";
import type { Descriptor } from "../../wasm-runtime/host/filesystem.ts";
import { Failure, InputStream, OutputStream, poll, Pollable } from "../../wasm-runtime/host/io.ts";
import { importsFor } from "../../wasm-runtime/host/imports.ts";
import { openLog } from "../../wasm-runtime/host/log.ts";
import { random } from "../../wasm-runtime/host/random.ts";
import { boundMemory, LimitError } from "../../wasm-runtime/limits.ts";
import { temporaryDirectory } from "../support/lichen.ts";
import { failureCode } from "./support/failure-code.ts";

function volume(t: ExecutionContext, readOnly = false) {
  const path = temporaryDirectory(t);
  const inside = join(path, "volume");
  mkdirSync(inside);
  writeFileSync(join(path, "outside.txt"), "outside");
  const [first] = filesystem([{ hostPath: inside, guestPath: "/data", readOnly }]).preopens.getDirectories();
  const [root] = first as [Descriptor, string];
  t.teardown(() => root[Symbol.dispose]());
  return { path, inside, root };
}

const read = (root: Descriptor, path: string) => {
  const file = root.openAt({ symlinkFollow: true }, path, {}, { read: true });
  try {
    return Buffer.from(file.read(1000n, 0n)[0]).toString();
  } finally {
    file[Symbol.dispose]();
  }
};

test("files are written, read, listed, renamed and removed inside a volume", (t) => {
  const { root, inside } = volume(t);
  root.createDirectoryAt("dir");
  const file = root.openAt({}, "dir/a", { create: true }, { read: true, write: true });
  t.is(file.write(Buffer.from("hello"), 0n), 5n);
  file.appendViaStream().blockingWriteAndFlush(Buffer.from(" world"));
  t.is(readFileSync(join(inside, "dir/a"), "utf8"), "hello world");
  t.is(file.stat().size, 11n);
  t.deepEqual(file.read(100n, 6n), [Buffer.from("world"), false]);
  t.is(Buffer.from(file.readViaStream(0n).read(5n)).toString(), "hello");
  file[Symbol.dispose]();
  root.renameAt("dir/a", root, "b");
  const entries = root.readDirectory();
  t.deepEqual([entries.readDirectoryEntry()?.name, entries.readDirectoryEntry()?.name].toSorted(), ["b", "dir"]);
  t.is(entries.readDirectoryEntry(), undefined);
  entries[Symbol.dispose]();
  t.is(failureCode(() => root.removeDirectoryAt("b")), "not-directory");
  t.is(failureCode(() => root.unlinkFileAt("dir")), "is-directory");
  root.unlinkFileAt("b");
  root.removeDirectoryAt("dir");
  t.is(failureCode(() => root.statAt({}, "b")), "no-entry");
});

test("links inside are followed, every way out is refused", (t) => {
  const { root, inside } = volume(t);
  mkdirSync(join(inside, "a"));
  writeFileSync(join(inside, "a/file"), "inside");
  symlinkSync("a/file", join(inside, "link"));
  symlinkSync("..", join(inside, "a/up"));
  t.is(read(root, "link"), "inside");
  t.is(read(root, "a/up/a/../link"), "inside");
  symlinkSync("/etc/passwd", join(inside, "absolute"));
  symlinkSync("../outside.txt", join(inside, "relative"));
  symlinkSync("../..", join(inside, "a/far"));
  symlinkSync("self", join(inside, "self"));
  for (const path of ["absolute", "relative", "../outside.txt", "a/../../outside.txt", "/etc/passwd", "a/far/outside.txt"]) {
    t.is(failureCode(() => read(root, path)), "not-permitted", path);
  }
  t.is(failureCode(() => read(root, "self")), "loop");
  t.is(failureCode(() => root.openAt({}, "link", {}, { read: true })), "loop");
  t.is(failureCode(() => root.symlinkAt("/etc", "x")), "not-permitted");
  t.is(failureCode(() => root.readlinkAt("absolute")), "not-permitted");
  t.is(failureCode(() => root.renameAt("a/file", root, "../stolen")), "not-permitted");
  t.is(failureCode(() => root.linkAt({}, "relative/x", root, "y")), "not-permitted");
  t.is(failureCode(() => read(root, "a\0b")), "illegal-byte-sequence");
});

test("a read-only volume stays as it is", (t) => {
  const { root, inside } = volume(t, true);
  writeFileSync(join(inside, "file"), "kept");
  t.is(read(root, "file"), "kept");
  const calls = [
    () => root.openAt({}, "new", { create: true }, { write: true }),
    () => root.openAt({}, "file", {}, { write: true }),
    () => root.openAt({}, "file", { truncate: true }, { read: true }),
    () => root.unlinkFileAt("file"),
    () => root.createDirectoryAt("d"),
    () => root.symlinkAt("file", "l"),
    () => root.renameAt("file", root, "moved"),
  ];
  for (const call of calls) t.is(failureCode(call), "read-only");
  t.is(read(root, "file"), "kept");
});

test("a directory that becomes a link meanwhile never leads outside", async (t) => {
  const { root, path, inside } = volume(t);
  mkdirSync(join(inside, "swap"));
  writeFileSync(join(inside, "swap/outside.txt"), "inside");
  // `swap` is a directory and a link to the outside in turns, as fast as another thread can
  const worker = new Worker(
    `const { renameSync, symlinkSync } = require("node:fs");
     const [inside, outside] = require("node:worker_threads").workerData;
     symlinkSync(outside, inside + "/link");
     for (;;) { renameSync(inside + "/swap", inside + "/kept"); renameSync(inside + "/link", inside + "/swap");
                renameSync(inside + "/swap", inside + "/link"); renameSync(inside + "/kept", inside + "/swap"); }`,
    { eval: true, workerData: [inside, path] },
  );
  await new Promise((resolve) => worker.once("online", resolve));
  const seen = new Set<unknown>();
  for (let count = 0; count < 5000; count++) {
    try {
      seen.add(read(root, "swap/outside.txt"));
    } catch (error) {
      seen.add(error instanceof Failure ? error.payload : error);
    }
  }
  await worker.terminate();
  t.false(seen.has("outside"));
  t.true(seen.has("inside"));
});

test("a volume that is updated the way configMaps are shows its new content at once", (t) => {
  const { root, inside } = volume(t, true);
  const publish = (version: string) => {
    mkdirSync(join(inside, `..${version}`));
    writeFileSync(join(inside, `..${version}`, "key"), version);
    symlinkSync(`..${version}`, join(inside, "..next"));
    renameSync(join(inside, "..next"), join(inside, "..data"));
  };
  publish("v1");
  symlinkSync("..data/key", join(inside, "key"));
  t.is(read(root, "key"), "v1");
  publish("v2");
  t.is(read(root, "key"), "v2");
});

test("guest-supplied lengths are capped", (t) => {
  t.throws(() => random.getRandomBytes(1n << 40n), { message: /at most/ });
  t.is(random.getRandomBytes(100_000n).length, 100_000);
  const asked: number[] = [];
  const stream = InputStream.from((limit) => {
    asked.push(limit);
    return new Uint8Array(1);
  });
  stream.read(1n << 60n);
  t.deepEqual(asked, [1 << 20]);
  const sink: number[] = [];
  OutputStream.from({ write: (bytes) => void sink.push(bytes.length) }).writeZeroes(1n << 50n);
  t.deepEqual(sink, [1 << 20]);
  t.throws(() => poll(Array.from({ length: 5000 }, () => new Pollable())), { message: /at most/ });
  t.deepEqual([...poll([new Pollable(1n << 62n), new Pollable()])], [1]);
});

test("the network is denied in the guest's own words, and the log says so once", (t) => {
  const told: string[] = [];
  const stderr = { write: (bytes: Uint8Array) => void told.push(Buffer.from(bytes).toString()) };
  const imports = importsFor({ args: [], env: [], stdout: stderr, stderr, grants: {}, network: () => () => {}, addresses: [], exit: () => t.fail() as never }).interfaces as Record<string, Record<string, () => unknown>>;
  for (let count = 0; count < 2; count++) {
    t.is(failureCode(() => imports["wasi:sockets/tcp-create-socket"]?.["createTcpSocket"]?.()), "access-denied");
    t.is(failureCode(() => imports["wasi:sockets/udp-create-socket"]?.["createUdpSocket"]?.()), "access-denied");
    t.is(failureCode(() => imports["wasi:sockets/ip-name-lookup"]?.["resolveAddresses"]?.()), "access-denied");
    t.deepEqual(failureCode(() => imports["wasi:http/outgoing-handler"]?.["handle"]?.()), { tag: "HTTP-request-denied" });
  }
  t.is(told.length, 4);
  t.regex(told[0] ?? "", /asked for wasi:sockets\/tcp, which is not granted/);
  t.deepEqual(imports["wasi:filesystem/preopens"]?.["getDirectories"]?.(), []);
  t.is(imports["wasi:cli/environment"]?.["initialCwd"]?.(), undefined);
  t.is(imports["wasi:cli/terminal-stdin"]?.["getTerminalStdin"]?.(), undefined);
});

test("header fields cannot split a message or speak for the connection", (t) => {
  const fields = new Fields();
  fields.append("X-A", Buffer.from("1"));
  fields.append("x-a", Buffer.from("2"));
  t.deepEqual(fields.get("X-a").map(String), ["1", "2"]);
  t.deepEqual(failureCode(() => fields.append("x", Buffer.from("a\r\nb: c"))), { tag: "invalid-syntax" });
  t.deepEqual(failureCode(() => fields.append("a b", Buffer.from("c"))), { tag: "invalid-syntax" });
  t.deepEqual(failureCode(() => fields.append("Transfer-Encoding", Buffer.from("chunked"))), { tag: "forbidden" });
  t.deepEqual(failureCode(() => fields.freeze().append("x", Buffer.from("y"))), { tag: "immutable" });
  t.throws(() => new Fields().append("x", new Uint8Array(70_000).fill(65)), { message: /header fields/ });
});

test("a log has whole lines whatever the guest writes, and stops at its bound", (t) => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[ab\n]{0,40}$/), { maxLength: 30 }), (writes) => {
      const path = join(temporaryDirectory(t), "log");
      const log = openLog(path);
      const sink = log.sink("stdout");
      for (const text of writes) sink.write(Buffer.from(text));
      log.close();
      const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
      t.true(lines.every((line) => /^\S+Z stdout F [ab]*$/.test(line)));
      const all = writes.join("");
      const expected = all === "" || all.endsWith("\n") ? all : `${all}\n`;
      t.is(lines.map((line) => `${line.split(" F ")[1]}\n`).join(""), expected);
    }),
    { numRuns: 50 },
  );
  const path = join(temporaryDirectory(t), "log");
  const log = openLog(path, 10_000);
  for (let count = 0; count < 1000; count++) log.sink("stdout").write(Buffer.from("a line of a flood\n"));
  log.close();
  const text = readFileSync(path, "utf8");
  t.true(text.length < 10_200);
  t.regex(text, /the lines that follow are dropped\n$/);
});

test("long lines are cut into partial ones", (t) => {
  const path = join(temporaryDirectory(t), "log");
  const log = openLog(path);
  log.sink("stderr").write(Buffer.from(`${"x".repeat(40_000)}\n`));
  log.close();
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1).map((line) => line.split(" "));
  t.deepEqual(lines.map(([, stream, kind, text]) => [stream, kind, text?.length]), [["stderr", "P", 16_384], ["stderr", "P", 16_384], ["stderr", "F", 7232]]);
});

const withMemory = (limits: readonly number[]) => Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, limits.length + 1, 1, ...limits]);

test("a memory's maximum is lowered, never raised, and what cannot be bounded is refused", (t) => {
  t.deepEqual(boundMemory(withMemory([0, 1]), 128), Buffer.from(withMemory([1, 1, 0x80, 1])));
  t.deepEqual(boundMemory(withMemory([1, 1, 5]), 128), Buffer.from(withMemory([1, 1, 5])));
  t.deepEqual(boundMemory(withMemory([1, 1, 0xff, 0x7f]), 2), Buffer.from(withMemory([1, 1, 2])));
  t.throws(() => boundMemory(withMemory([0, 10]), 9), { instanceOf: LimitError });
  t.throws(() => boundMemory(withMemory([3, 1, 2]), 9), { message: /shared/ });
  t.throws(() => boundMemory(withMemory([4, 1]), 9), { message: /64-bit/ });
  t.throws(() => boundMemory(withMemory([0, 1]).subarray(0, 11), 9), { instanceOf: LimitError });
});

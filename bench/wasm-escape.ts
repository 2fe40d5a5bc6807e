/**
 * `node bench/wasm-escape.ts [RENAMES]`: the escape corpus on our host and on preview2-shim, then a campaign of races: another
 * thread makes one name a directory and a link to the outside in turns (1,000,000 renames unless given) while guests open,
 * read, create and remove below it. Prints a table; exits with 1 when our host lets anything through.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { WASIShim } from "@bytecodealliance/preview2-shim/instantiation";
import { filesystem } from "../wasm-runtime/host/filesystem.ts";
import { escapes, SECRET } from "../test/wasm-runtime/support/escapes.ts";
import type { Root } from "../test/wasm-runtime/support/escapes.ts";

interface Subject {
  readonly name: string;
  readonly open: (volume: string) => { readonly root: Root; close(): void };
}

const subjects: readonly Subject[] = [
  {
    name: "lichen",
    open(volume) {
      const files = filesystem([{ hostPath: volume, guestPath: "/data", readOnly: false }]);
      return { root: files.preopens.getDirectories()[0]?.[0] as unknown as Root, close: files.reset };
    },
  },
  {
    name: "preview2-shim 0.26.1",
    open(volume) {
      const shim = new WASIShim({ sandbox: { preopens: { "/data": volume }, env: {}, args: [], enableNetwork: false } });
      const imports = shim.getImportObject() as unknown as Record<string, { getDirectories(): [Root, string][] }>;
      const found = imports["wasi:filesystem/preopens"]?.getDirectories()[0];
      if (found === undefined) throw new Error("the shim gives no directory");
      return { root: found[0], close: () => {} };
    },
  },
];

/** Fewer reads of what is inside mean that the race was not run, whatever else the table says. */
const MIN_READS = 20;
const renames = Number(process.argv[2] ?? 1_000_000);
const renamer = `
const { renameSync } = require("node:fs");
const { parentPort, workerData: { volume, renames, done } } = require("node:worker_threads");
const at = (name) => volume + "/" + name;
for (let count = 0; count < renames; count += 4) {
  renameSync(at("swap"), at("kept")); renameSync(at("link"), at("swap"));
  renameSync(at("swap"), at("link")); renameSync(at("kept"), at("swap"));
}
Atomics.store(done, 0, 1);`;

interface Raced {
  readonly tries: number;
  readonly reads: number;
  readonly leaks: number;
  readonly damage: boolean;
}

async function race({ open }: Subject, base: string): Promise<Raced> {
  const volume = join(base, "volume");
  const outside = join(base, "outside");
  mkdirSync(join(volume, "swap"), { recursive: true });
  mkdirSync(outside);
  writeFileSync(join(outside, "secret"), SECRET);
  writeFileSync(join(volume, "swap/secret"), "inside");
  writeFileSync(join(volume, "swap/other"), "inside");
  symlinkSync("../outside", join(volume, "link"));
  const before = readdirSync(outside).join();
  const done = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(renamer, { eval: true, workerData: { volume, renames, done } });
  await new Promise((resolve) => worker.once("online", resolve));
  let { root, close } = open(volume);
  const deeds = [
    () => Buffer.from(root.openAt({ symlinkFollow: true }, "swap/secret", {}, { read: true }).read(100n, 0n)[0]).toString(),
    () => Buffer.from(root.openAt({}, "swap", { directory: true }, { read: true }).openAt({}, "secret", {}, { read: true }).read(100n, 0n)[0]).toString(),
    () => (root.openAt({}, "swap/new", { create: true }, { write: true }), ""),
    () => (root.createDirectoryAt("swap/newdir"), ""),
    () => (root.unlinkFileAt("swap/new"), ""),
    () => (root.removeDirectoryAt("swap/newdir"), ""),
    () => (root.renameAt("swap/other", root, "swap/moved"), ""),
    () => (root.renameAt("swap/moved", root, "swap/other"), ""),
    () => (root.symlinkAt("x", "swap/newlink"), ""),
    () => (root.unlinkFileAt("swap/newlink"), ""),
  ];
  let tries = 0;
  let reads = 0;
  let leaks = 0;
  while (Atomics.load(done, 0) === 0) {
    for (const deed of deeds) {
      tries++;
      try {
        const text = deed();
        if (text === "inside") reads++;
        if (text === SECRET) leaks++;
      } catch {
        // refused, or not there at this moment
      }
    }
    if (tries % 1000 === 0) {
      // with everything that the guest has left open
      close();
      ({ root, close } = open(volume));
      // descriptors of hosts that close by finalizers
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (leaks > 0 && tries > 200_000) break;
  }
  await worker.terminate();
  const damage = readdirSync(outside).join() !== before || !existsSync(join(outside, "secret")) || readFileSync(join(outside, "secret"), "utf8") !== SECRET;
  return { tries, reads, leaks, damage };
}

let failed = false;
const rows: Record<string, object> = {};
for (const subject of subjects) {
  const base = mkdtempSync(join(tmpdir(), "escape-"));
  const { tried, found } = escapes(join(base, "corpus"), (volume) => subject.open(volume));
  for (const { deed, path, what } of found.slice(0, 10)) process.stdout.write(`${subject.name}: ${deed}: ${path}: ${what}\n`);
  const raced = await race(subject, join(base, "race"));
  rows[subject.name] = { attempts: tried, escapes: found.length, "race tries": raced.tries, "reads inside": raced.reads, "race leaks": raced.leaks, "damage outside": raced.damage };
  if (subject.name === "lichen") failed = found.length > 0 || raced.leaks > 0 || raced.damage || raced.reads < MIN_READS;
  rmSync(base, { recursive: true, force: true });
}
process.stdout.write(`${renames} renames\n`);
console.table(rows);
process.exit(failed ? 1 : 0);

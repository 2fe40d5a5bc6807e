import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";

const run = promisify(execFile);
const module = join(import.meta.dirname, "..", "..", "core", "cli", "start-over.ts");

/** prints its process id at each start, its argument, and whether Node's compiler is in the process once it begins */
const PROGRAM = `
import { enableCompileCache } from "node:module";
if (process.env.CACHE !== "") enableCompileCache(process.env.CACHE);
const { startOverIfCompiled } = await import(${JSON.stringify(module)});
console.log("start", process.pid);
startOverIfCompiled();
console.log("begin", process.pid, process.argv[2], process.moduleLoadList.some((name) => name.includes("amaro")), process.env.LICHEN_STARTED_OVER);
`;

async function program(t: { teardown(end: () => Promise<void>): void }) {
  const directory = await mkdtemp(join(tmpdir(), "lichen-start-over-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, "program.mjs"), PROGRAM);
  return async (cache: string): Promise<readonly string[]> => {
    const { stdout } = await run(process.execPath, [join(directory, "program.mjs"), "word"], { env: { ...process.env, CACHE: cache === "" ? "" : join(directory, cache) } });
    return stdout.trim().split("\n");
  };
}

test("a process that had to compile starts over without the compiler, with its process id and arguments; the next one does not", async (t) => {
  const start = await program(t);
  const [first, second, begun, ...more] = await start("cache");
  const pid = /^start (\d+)$/.exec(first ?? "")?.[1] ?? "none";
  t.deepEqual([second, begun, more], [`start ${pid}`, `begin ${pid} word false undefined`, []]);
  t.deepEqual((await start("cache")).map((line) => line.replace(/\d+/, "N")), ["start N", "begin N word false undefined"]);
});

test("where compiled code is not kept, it begins with the compiler", async (t) => {
  const start = await program(t);
  t.deepEqual((await start("")).map((line) => line.replace(/\d+/, "N")), ["start N", "begin N word true undefined"]);
});

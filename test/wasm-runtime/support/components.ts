/** Components for tests: the examples, and small ones that misbehave, from text. */
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import type { ExecutionContext } from "ava";
import { prepareHost } from "../../../wasm-runtime/host-image.ts";
import { componentState, statementOf, stopComponent } from "../../../wasm-runtime/process.ts";
import type { ExitRecord, StartOptions } from "../../../wasm-runtime/process.ts";
import { transpile } from "../../../wasm-runtime/transpile.ts";
import type { Transpiled } from "../../../wasm-runtime/transpile.ts";

const root = new URL("../../../", import.meta.url);
/** "hello", or with the folder of its language: "c/wordcount" */
export const example = (name: string) => readFileSync(new URL(`examples/components/${name.includes("/") ? name : `${name}/${name}`}.wasm`, root));

/** A command whose core module is `body`, which exports `run` and may have a memory. */
export const command = (body: string) =>
  parse(`(component
    (core module $m ${body})
    (core instance $i (instantiate $m))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))`);

export const succeeds = '(func (export "run") (result i32) (i32.const 0))';
export const fails = '(func (export "run") (result i32) (i32.const 1))';
export const traps = '(func (export "run") (result i32) unreachable)';
export const spins = '(func (export "run") (result i32) (loop (br 0)) (i32.const 0))';
export const spinsAtStart = `(func $spin (loop (br 0))) (start $spin) ${succeeds}`;
/** takes memory until there is no more, and traps then */
export const hoards = '(memory (export "memory") 1) (func (export "run") (result i32) (loop (br_if 0 (i32.ne (i32.const -1) (memory.grow (i32.const 8))))) unreachable)';
export const beginsLarge = `(memory (export "memory") 1024) ${succeeds}`;

/** makes header fields without end and keeps them */
export const hoardsResources = () =>
  parse(`(component
    (import "wasi:http/types@0.2.0" (instance $types
      (export "fields" (type $fields (sub resource)))
      (export "[constructor]fields" (func (result (own $fields))))))
    (core func $make (canon lower (func $types "[constructor]fields")))
    (core module $m (import "" "make" (func $make (result i32)))
      (func (export "run") (result i32) (loop (drop (call $make)) (br 0)) unreachable))
    (core instance $i (instantiate $m (with "" (instance (export "make" (func $make))))))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))`);

export interface Prepared {
  readonly directory: string;
  readonly options: (more?: Partial<StartOptions>) => StartOptions;
  /** another signed module may not stand in for this one, and so on */
  readonly keys: ReturnType<typeof keyPair>;
}

export function keyPair(type: "ed25519" | "p256" = "ed25519") {
  const { privateKey, publicKey } = type === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    sign: (of: { componentDigest: string; moduleDigest: string }) => sign(type === "ed25519" ? null : "sha256", statementOf(of), privateKey).toString("base64"),
  };
}

const modules = new Map<string, Promise<Transpiled>>();
let last: Promise<unknown> = Promise.resolve();

/** Each component once per test file, one after another: transpiling is not what most tests are about. */
export function transpiled(component: Uint8Array): Promise<Transpiled> {
  const digest = digestOf(component);
  const known = modules.get(digest);
  if (known !== undefined) return known;
  const module = last.then(() => transpile(component));
  modules.set(digest, module);
  last = module.catch(() => {});
  return module;
}

export const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Transpiles, signs, and gives the options to start it with; stops what was started when the test ends. */
export async function prepared(t: Pick<ExecutionContext, "teardown">, component: Uint8Array, keys = keyPair()): Promise<Prepared> {
  const directory = mkdtempSync(join(tmpdir(), "wasm-"));
  const started: string[] = [];
  t.teardown(async () => {
    await Promise.all(started.map((stateDir) => stopComponent(stateDir, 0)));
    rmSync(directory, { recursive: true, force: true });
  });
  const { bytes, header } = await transpiled(component);
  const path = join(directory, "module");
  writeFileSync(path, bytes);
  const digests = { componentDigest: digestOf(component), moduleDigest: digestOf(bytes) };
  const host = prepareHost(directory);
  const options = (more: Partial<StartOptions> = {}): StartOptions => {
    const stateDir = join(directory, `state-${started.length}`);
    started.push(stateDir);
    return {
      host,
      module: { path, ...digests, signature: keys.sign(digests) },
      publicKeys: [keys.publicPem],
      world: header.world,
      args: ["test"],
      env: [],
      memoryLimitBytes: 8 << 20,
      listen: header.world === "http" ? [{ host: "127.0.0.1", port: 0 }] : [],
      addresses: ["127.0.0.1"],
      logPath: join(directory, `log-${started.length}`),
      stateDir,
      grants: {},
      ...more,
    };
  };
  return { directory, options, keys };
}

/** Starts with `start`, which gets the exit hint, and resolves with how it ended. */
export function ended(stateDir: string, start: (onExit: () => void) => Promise<unknown>): Promise<ExitRecord> {
  return new Promise((resolve, reject) => {
    // a started component does not keep its starter alive
    const alive = setInterval(() => {}, 60_000);
    const look = () => {
      clearInterval(alive);
      const state = componentState(stateDir);
      if (state.state === "exited") resolve(state.exit);
      else reject(new Error(`it is ${state.state}`));
    };
    // a start that fails ends it as well: the exit record tells
    start(look).catch(look);
  });
}

export const logLines = (path: string) => readFileSync(path, "utf8").split("\n").filter((line) => line !== "");

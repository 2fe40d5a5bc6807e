/**
 * A core module of WASI preview 1 becomes a component: compilers still emit them, and adapting one takes a server a few
 * milliseconds. The adapter is a module that implements the calls of preview 1 with those of 0.2, so that there is one host.
 */
import { readFileSync } from "node:fs";
import { ComponentError } from "./component-header.ts";

const PREVIEW1 = "wasi_snapshot_preview1";
/** what a module of a component's own world imports by the names of interfaces */
const isInterface = (name: string) => /^\$root$|^[a-z0-9-]+:[a-z0-9-]+\//.test(name) || name.startsWith("cm32p2");
const ADAPTERS = new URL("adapters/", import.meta.url);

export interface CoreModule {
  /** module names: "wasi_snapshot_preview1" */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

/** Compiles the module to look at it: call it where a hostile module may take time and memory. @throws ComponentError */
export function readCoreModule(bytes: Uint8Array): CoreModule {
  try {
    const module = new WebAssembly.Module(new Uint8Array(bytes));
    return {
      imports: [...new Set(WebAssembly.Module.imports(module).map((one) => one.module))],
      exports: WebAssembly.Module.exports(module).map((one) => one.name),
    };
  } catch (error) {
    throw new ComponentError("Failed", `the core module is not valid: ${(error as Error).message}`);
  }
}

/** @throws ComponentError for a module that is not of preview 1 */
export async function adapted(bytes: Uint8Array): Promise<Uint8Array> {
  const { imports, exports } = readCoreModule(bytes);
  const unknown = imports.filter((name) => name !== PREVIEW1 && !isInterface(name));
  if (unknown.length > 0) {
    const why = unknown.includes("wasi_unstable") ? "wasi_unstable is older than preview 1" : "a core module may import WASI preview 1 only";
    throw new ComponentError("UnsupportedImport", `the core module imports from ${unknown.join(", ")}: ${why}; build for wasm32-wasip1 or wasm32-wasip2`);
  }
  const program = exports.includes("_start");
  if (!program && !imports.some(isInterface) && !exports.some((name) => name.includes("#"))) {
    throw new ComponentError("UnsupportedWorld", "the core module exports neither _start nor the functions of a component's world: build a program (wasm32-wasip1), or a component (wasm32-wasip2)");
  }
  const { componentNew } = await import("@bytecodealliance/jco-transpile/wasm-tools");
  const adapter = readFileSync(new URL(program ? "command.wasm" : "reactor.wasm", ADAPTERS));
  try {
    return await componentNew(bytes, [[PREVIEW1, adapter]]);
  } catch (error) {
    const text = String((error as { payload?: unknown }).payload ?? (error as Error).message ?? error);
    throw new ComponentError("Failed", `the core module cannot become a component: ${text}`);
  }
}

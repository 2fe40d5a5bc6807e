/** From a bundle to a program: core modules bounded and compiled, the glue evaluated, instances made on demand. */
import { Script } from "node:vm";
import { BUNDLE_ENTRY } from "../bundle.ts";
import type { Bundle } from "../bundle.ts";
import { boundMemory, PAGE_BYTES } from "../limits.ts";

/** Exports by interface, as the glue names them. */
export type Exports = Readonly<Record<string, Readonly<Record<string, (...args: readonly unknown[]) => unknown>>>>;

export interface Program {
  /** a new instance with memory of its own */
  instantiate(imports: object): Exports;
  /** bytes of WebAssembly memory that the newest instance has */
  memoryBytes(): number;
}

type Instantiate = (
  getCoreModule: (name: string) => WebAssembly.Module,
  imports: object,
  instantiateCore: (module: WebAssembly.Module, imports?: WebAssembly.Imports) => WebAssembly.Instance,
) => Exports;

/** @throws LimitError when the module begins with more memory than it may have */
export function prepare(bundle: Bundle, memoryLimitBytes: number): Program {
  const maxPages = Math.max(1, Math.floor(memoryLimitBytes / PAGE_BYTES));
  const modules = new Map<string, WebAssembly.Module>();
  for (const [name, data] of bundle.files) {
    if (name !== BUNDLE_ENTRY) modules.set(name, new WebAssembly.Module(new Uint8Array(boundMemory(data, maxPages))));
  }
  const entry = bundle.files.get(BUNDLE_ENTRY);
  if (entry === undefined) throw new Error(`the module has no ${BUNDLE_ENTRY}`);
  const instantiate = evaluate(Buffer.from(entry.buffer, entry.byteOffset, entry.length).toString("utf8"));
  const getCoreModule = (name: string) => {
    const module = modules.get(name);
    if (module === undefined) throw new Error(`the module has no ${name}`);
    return module;
  };
  let memories: WebAssembly.Memory[] = [];
  return {
    instantiate(imports) {
      memories = [];
      return instantiate(getCoreModule, imports, (module, coreImports) => {
        const instance = new WebAssembly.Instance(module, coreImports);
        for (const value of Object.values(instance.exports)) if (value instanceof WebAssembly.Memory) memories.push(value);
        return instance;
      });
    },
    memoryBytes: () => memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0),
  };
}

/** The glue is a module with nothing but exports: as a function body it needs no file and no loader. */
function evaluate(source: string): Instantiate {
  const body = source.replaceAll(/^export /gm, "");
  const script = new Script(`(() => { "use strict"; ${body}\nreturn instantiate; })()`, { filename: BUNDLE_ENTRY });
  return script.runInThisContext() as Instantiate;
}

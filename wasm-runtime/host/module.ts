/** From a bundle to a program: core modules bounded and compiled, the glue evaluated, instances made on demand. */
import { Script } from "node:vm";
import { BUNDLE_ENTRY } from "../bundle.ts";
import type { Bundle } from "../bundle.ts";
import { boundMemory, PAGE_BYTES } from "../limits.ts";

/** Exports by interface, as the glue names them. */
export type Exports = Readonly<Record<string, Readonly<Record<string, (...args: readonly unknown[]) => unknown>>>>;

/** Makes an instance of a core module. @returns it, and what the glue is to see of its exports */
export type Link = (module: WebAssembly.Module, imports: WebAssembly.Imports | undefined) => { readonly instance: WebAssembly.Instance; readonly exports: WebAssembly.Instance["exports"] };

export interface Program {
  /** a new instance with memory of its own */
  instantiate(imports: object, link?: Link): Instance;
  /** the same compiled code with glue of its own: for another pod, should the glue keep something */
  apart(): Program;
}

export interface Instance {
  readonly exports: Exports;
  /** bytes of WebAssembly memory */
  memoryBytes(): number;
}

type Instantiate = (
  getCoreModule: (name: string) => WebAssembly.Module,
  imports: object,
  instantiateCore: (module: WebAssembly.Module, imports?: WebAssembly.Imports) => Pick<WebAssembly.Instance, "exports">,
) => Exports;

const directly: Link = (module, imports) => {
  const instance = new WebAssembly.Instance(module, imports);
  return { instance, exports: instance.exports };
};

/** A start function that traps leaves no instance; its memory counts all the same. */
export class InstantiateError extends Error {
  readonly memoryBytes: number;

  constructor(cause: unknown, memoryBytes: number) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.memoryBytes = memoryBytes;
  }
}

/** @throws LimitError when the module begins with more memory than it may have */
export function prepare(bundle: Bundle, memoryLimitBytes: number): Program {
  const maxPages = Math.max(1, Math.floor(memoryLimitBytes / PAGE_BYTES));
  const modules = new Map<string, WebAssembly.Module>();
  for (const [name, data] of bundle.files) {
    if (name !== BUNDLE_ENTRY) modules.set(name, new WebAssembly.Module(boundMemory(data, maxPages)));
  }
  const entry = bundle.files.get(BUNDLE_ENTRY);
  if (entry === undefined) throw new Error(`the module has no ${BUNDLE_ENTRY}`);
  const glue = scriptOf(Buffer.from(entry.buffer, entry.byteOffset, entry.length).toString("utf8"));
  const getCoreModule = (name: string) => {
    const module = modules.get(name);
    if (module === undefined) throw new Error(`the module has no ${name}`);
    return module;
  };
  const evaluated = (): Program => {
    const instantiate = glue.runInThisContext() as Instantiate;
    return { instantiate: (imports, link = directly) => instance(instantiate, imports, link), apart: evaluated };
  };
  function instance(instantiate: Instantiate, imports: object, link: Link): Instance {
    const memories: WebAssembly.Memory[] = [];
    const memoryBytes = () => memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
    try {
      const exports = instantiate(getCoreModule, imports, (module, coreImports) => {
        const { instance: made, exports: shown } = link(module, coreImports);
        for (const value of Object.values(made.exports)) if (value instanceof WebAssembly.Memory) memories.push(value);
        return { exports: shown };
      });
      return { exports, memoryBytes };
    } catch (error) {
      throw new InstantiateError(error, memoryBytes());
    }
  }
  return evaluated();
}

/** The glue is a module with nothing but exports: as a function body it needs no file and no loader. */
function scriptOf(source: string): Script {
  const body = source.replaceAll(/^export /gm, "");
  return new Script(`(() => { "use strict"; ${body}\nreturn instantiate; })()`, { filename: BUNDLE_ENTRY });
}

/** @throws Error */
export function exportOf(exports: Exports, name: string): Exports[string] {
  const key = Object.keys(exports).find((given) => given.startsWith(`${name}@`));
  const found = key === undefined ? undefined : exports[key];
  if (found === undefined) throw new Error(`the component does not export ${name}`);
  return found;
}

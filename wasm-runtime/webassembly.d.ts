/** The part of the WebAssembly JavaScript interface that is used; the compiler's own declarations come with the DOM. */
declare namespace WebAssembly {
  type Imports = Record<string, Record<string, unknown>>;

  type Module = object;
  const Module: {
    new (bytes: Uint8Array): Module;
    imports(module: Module): { readonly module: string; readonly name: string; readonly kind: string }[];
    exports(module: Module): { readonly name: string; readonly kind: string }[];
  };

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Readonly<Record<string, unknown>>;
  }

  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum?: number });
    readonly buffer: ArrayBuffer;
  }

  /** JSPI: an import that may return a promise, which suspends the caller */
  const Suspending: {
    new (call: (...args: readonly unknown[]) => unknown): object;
  };

  /** JSPI: an export that may be suspended */
  function promising(call: (...args: readonly unknown[]) => unknown): (...args: readonly unknown[]) => Promise<unknown>;
}

/** Gives back what a large module has left: V8 sees no reason to collect in a process that does nothing more. */

/** Below it the garbage is smaller than what the collection itself leaves. */
const LARGE_BYTES = 2 << 20;

export function collectAfter(moduleBytes: number): void {
  if (moduleBytes < LARGE_BYTES) return;
  process.getBuiltinModule("node:v8").setFlagsFromString("--expose-gc");
  const collect = process.getBuiltinModule("node:vm").runInNewContext("gc") as () => void;
  // what called us still holds it
  setImmediate(() => collect());
}

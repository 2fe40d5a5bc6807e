/**
 * The first start after an installation compiles TypeScript, and the compiler stays in the process (20 MB) for as long as it
 * runs, which on a device is months. So a process that had to compile keeps what it compiled and starts over in place, with
 * the same process id, before it has begun anything.
 */
import { flushCompileCache, getCompileCacheDir } from "node:module";

/** Node's own TypeScript compiler, loaded when the first file has to be compiled. */
const COMPILER = "NativeModule internal/deps/amaro/dist/index";
/** Set for the second start: where compiled code cannot be kept, there is no third. */
const AGAIN = "LICHEN_STARTED_OVER";

/** To be called when everything is loaded and nothing has begun. Returns if there is nothing to win. */
export function startOverIfCompiled(): void {
  const again = process.env[AGAIN] !== undefined;
  // not for children
  delete process.env[AGAIN];
  if (again || getCompileCacheDir() === undefined || process.execve === undefined || !modulesOfNode().includes(COMPILER)) return;
  flushCompileCache();
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], { ...process.env, [AGAIN]: "1" });
}

/** Not in Node's types. */
function modulesOfNode(): readonly string[] {
  const { moduleLoadList } = process as { readonly moduleLoadList?: readonly string[] };
  return moduleLoadList ?? [];
}

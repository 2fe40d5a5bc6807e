/**
 * One component in, one module bundle out, the same bytes each time. The work is done once per component on the server:
 * it takes 90 to 250 MB, more than a small board has. Input, time, memory and output are bounded here; the child process
 * that does it is thrown away.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { unpackBundle } from "./bundle.ts";
import { PARTS_FLAG } from "./capabilities.ts";
import type { Bundle } from "./bundle.ts";
import { ComponentError, isCoreModule, readComponentHeader } from "./component-header.ts";
import type { ComponentReason } from "./component-header.ts";

export { ComponentError, readComponentHeader } from "./component-header.ts";
export type { ComponentHeader } from "./component-header.ts";
export { moduleSigner } from "./sign.ts";

/** Changes when the tool or its options do: part of the key under which results are stored. */
export const TRANSPILER = "jco-transpile-0.15.0-sync-3";

/** A JavaScript runtime compiled to a component has 14 MB; twice that leaves room for its program. */
export const MAX_COMPONENT_BYTES = 32 << 20;
/** Core modules keep their size, the glue is at most a few MB. */
const MAX_BUNDLE_BYTES = 2 * MAX_COMPONENT_BYTES;
/** The largest measured component takes 3 s on a busy machine. */
const TIMEOUT_MS = 60_000;
const MAX_ERROR_BYTES = 16 << 10;
/** jco needs 64 MB of heap for 14 MB of component; its own wasm memory holds the component a few times over. */
const FLAGS = ["--liftoff-only", "--no-opt", "--max-semi-space-size=1", "--max-old-space-size=256", "--wasm-max-mem-pages=8192", "--no-warnings"];

export interface TranspileOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** components that only work together with others are accepted: where there is a pod to look at */
  readonly parts?: boolean;
}

export interface Transpiled extends Bundle {
  /** the packed bundle: what is hashed, signed, stored and sent */
  readonly bytes: Uint8Array;
}

/** @param component or a core module of WASI preview 1, which is adapted first. @throws ComponentError */
export async function transpile(component: Uint8Array, options: TranspileOptions = {}): Promise<Transpiled> {
  if (component.length > MAX_COMPONENT_BYTES) {
    throw new ComponentError("TooLarge", `the component has ${component.length} bytes, at most ${MAX_COMPONENT_BYTES} are accepted: strip debug information (\`wasm-tools strip\`)`);
  }
  if (!isCoreModule(component)) readComponentHeader(component);
  const bytes = await runChild(component, options);
  return { ...unpackBundle(bytes), bytes };
}

function runChild(component: Uint8Array, options: TranspileOptions): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const entry = fileURLToPath(new URL("transpile-child.ts", import.meta.url));
    const child = spawn(process.execPath, [...FLAGS, entry, ...(options.parts === true ? [PARTS_FLAG] : [])], { env: {}, stdio: ["pipe", "pipe", "pipe"] });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    let size = 0;
    let stopped: ComponentError | undefined;
    const stop = (reason: ComponentReason, message: string) => {
      stopped ??= new ComponentError(reason, message);
      child.kill("SIGKILL");
    };
    const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    const timer = setTimeout(() => stop("TimedOut", `the component took longer than ${timeoutMs} ms to transpile`), timeoutMs);
    const aborted = () => stop("Failed", "transpiling was cancelled");
    options.signal?.addEventListener("abort", aborted, { once: true });
    if (options.signal?.aborted) aborted();

    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BUNDLE_BYTES) stop("TooLarge", `the module of the component exceeds ${MAX_BUNDLE_BYTES} bytes`);
      else output.push(chunk);
    });
    let errorSize = 0;
    child.stderr.on("data", (chunk: Buffer) => {
      if ((errorSize += chunk.length) <= MAX_ERROR_BYTES) errors.push(chunk);
    });
    // the child may end before it has read everything; its answer says why
    child.stdin.on("error", () => {});
    child.stdin.end(component);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", aborted);
      if (stopped) reject(stopped);
      else if (code === 0) resolve(Buffer.concat(output));
      else reject(refusal(Buffer.concat(errors).toString("utf8"), signal));
    });
  });
}

function refusal(text: string, signal: NodeJS.Signals | null): ComponentError {
  if (signal === "SIGABRT" || text.includes("heap out of memory")) {
    return new ComponentError("OutOfMemory", "the component needs more memory to transpile than the server allows: make it smaller");
  }
  try {
    const { reason, message } = JSON.parse(text) as { reason: ComponentReason; message: string };
    return new ComponentError(reason, reason === "Failed" ? `the component is not valid: ${message}` : message);
  } catch {
    return new ComponentError("Failed", `the transpiler ended unexpectedly${signal ? ` (${signal})` : ""}`);
  }
}

#!/usr/bin/env node
/**
 * The `lichen` program. Plain JavaScript, because it must start on any Node: TypeScript needs Node 24, which the project
 * brings along as a package, so an older Node hands over to that one.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";

const OLDEST_NODE = 24;
/** After the start, before most things that can go wrong. */
const COMPILED_AFTER_MS = 10_000;

if (Number(process.versions.node.split(".")[0]) >= OLDEST_NODE) {
  keepCompiledCode();
  hideExperimentalWarnings();
  resolveOwnFiles();
  await import("./cli.ts");
} else {
  handOver(findNode(import.meta.dirname));
}

/**
 * With compiled code kept, a start takes half the time, and the TypeScript compiler (15 MB) is not loaded. It is kept
 * beside the packages, because /tmp is memory on many boards, and written early, because devices lose power.
 */
function keepCompiledCode() {
  const packages = findUpwards(import.meta.dirname, "node_modules");
  const kept = packages === undefined ? undefined : module.enableCompileCache(join(packages, ".cache", "lichen"));
  if (kept?.directory === undefined) module.enableCompileCache();
  setTimeout(module.flushCompileCache, COMPILED_AFTER_MS).unref();
}

/**
 * An import of a file by its path is that file. Node would look for links, extensions and package.json files on the way to
 * each of some 900, a sixth of the time of a start.
 */
function resolveOwnFiles() {
  module.registerHooks?.({
    resolve(specifier, context, next) {
      if (!specifier.startsWith(".") || !specifier.endsWith(".ts")) return next(specifier, context);
      return { url: new URL(specifier, context.parentURL).href, format: "module-typescript", shortCircuit: true };
    },
  });
}

/** Type stripping is one; people who run lichen can do nothing about it. Other warnings are shown as ever. */
function hideExperimentalWarnings() {
  const [show] = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name !== "ExperimentalWarning") show?.(warning);
  });
}

/** The Node that was installed with the project, as npm lays it out. */
function findNode(from) {
  return findUpwards(from, join("node_modules", ".bin", "node"));
}

function findUpwards(from, name) {
  for (let dir = from; ; dir = dirname(dir)) {
    if (existsSync(join(dir, name))) return join(dir, name);
    if (dir === dirname(dir)) return undefined;
  }
}

function handOver(node) {
  if (node === undefined) {
    process.stderr.write(`lichen needs Node ${OLDEST_NODE} or later, this is ${process.version}. Run "npm ci" in the project, it brings its own.\n`);
    process.exit(1);
  }
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + (signal === "SIGKILL" ? 9 : 15);
  });
}

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

if (Number(process.versions.node.split(".")[0]) >= OLDEST_NODE) {
  module.enableCompileCache?.();
  hideExperimentalWarnings();
  await import("./cli.ts");
} else {
  handOver(findNode(import.meta.dirname));
}

/** Type stripping is one; people who run lichen can do nothing about it. Other warnings are shown as ever. */
function hideExperimentalWarnings() {
  const [show] = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name !== "ExperimentalWarning") show?.(warning);
  });
}

/** The Node that was installed with the project, looked for upwards as npm lays it out. */
function findNode(from) {
  for (let dir = from; ; dir = dirname(dir)) {
    const node = join(dir, "node_modules", ".bin", "node");
    if (existsSync(node)) return node;
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

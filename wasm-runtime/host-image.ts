/**
 * The host's code as plain scripts, one per kind of process and thread. Node can strip types and link modules at start, but each process would pay for it:
 * 40 ms and 4 MB. Here it is done once per version; the directory's name is the digest of the result, so an upgrade gets
 * its own and hosts that run keep theirs.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { NETWORK_SCRIPT } from "./host/spec.ts";

export interface HostImage {
  readonly directory: string;
  readonly entry: string;
}

const ROOT = fileURLToPath(new URL("./", import.meta.url));
const SCRIPT = "host.cjs";
const SHARED_SCRIPT = "shared.cjs";
/** script → the module it begins with */
const SCRIPTS: Readonly<Record<string, string>> = { [SCRIPT]: "host/main.ts", [SHARED_SCRIPT]: "host/shared.ts", [NETWORK_SCRIPT]: "host/net-worker.ts" };

/** Idempotent, and safe when several agents do it at once. */
export function prepareHost(cacheDirectory: string): HostImage {
  const scripts = Object.entries(SCRIPTS).map(([name, entry]) => [name, link(entry, sourceOf)] as const);
  const digest = createHash("sha256").update(scripts.map(([, script]) => script).join("\0")).digest("hex");
  const directory = join(cacheDirectory, `host-${digest.slice(0, 16)}`);
  const image = { directory, entry: join(directory, SCRIPT) };
  if (existsSync(directory)) return image;
  const draft = `${directory}.${process.pid}.new`;
  mkdirSync(draft, { recursive: true });
  for (const [name, script] of scripts) writeFileSync(join(draft, name), script);
  try {
    renameSync(draft, directory);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(directory)) throw error;
  }
  return image;
}

/** The script of a process that components share. */
export const sharedHost = ({ directory }: HostImage) => join(directory, SHARED_SCRIPT);

const sourceOf = (name: string) => withoutTypes(readFileSync(join(ROOT, name), "utf8"));

/** Node calls the function experimental in a warning, once; it would be the first line of every agent. */
function withoutTypes(text: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Our own style is all that has to be understood: named imports from relative files and from Node, exported declarations. */
const ownImport = /^import (\{[^}]*\}) from "(\.[^"]+)";$/gm;
const ownDynamicImport = /await import\("(\.[^"]+)"\)/g;
const builtinImport = /^import (\{[^}]*\}) from "(node:[^"]+)";$/gm;
const exported = /^export ((?:async )?(?:function\*?|class|const) (\w+))/gm;

/** Modules become functions that are called when they are first asked for; the entry may wait at its top level. */
function link(entry: string, source: (name: string) => string): string {
  const modules = new Map<string, string>();
  const add = (name: string) => {
    if (modules.has(name)) return;
    modules.set(name, "");
    const text = source(name);
    const resolve = (target: string) => join(dirname(name), target);
    const names = [...text.matchAll(exported)].map((match) => match[2]);
    const body = text
      .replaceAll(ownImport, (_all, list: string, target: string) => `const ${list} = load("${resolve(target)}");`)
      .replaceAll(ownDynamicImport, (_all, target: string) => `load("${resolve(target)}")`)
      // an `import` of a built-in module reads all its properties, and some load half of Node when read (node:http: fetch
      // and WebSocket); asking for the object does not
      .replaceAll(builtinImport, (_all, list: string, target: string) => `const ${list.replaceAll(" as ", ": ")} = process.getBuiltinModule("${target}");`)
      .replaceAll(exported, "$1");
    const left = /^(?:import|export) /m.exec(body);
    if (left !== null) throw new Error(`${name} imports or exports in a way that the host's linker does not know`);
    for (const [, , target] of text.matchAll(ownImport)) add(resolve(target ?? ""));
    for (const [, target] of text.matchAll(ownDynamicImport)) add(resolve(target ?? ""));
    modules.set(name, `${JSON.stringify(name)}: ${name === entry ? "async " : ""}() => {\n${body}\nreturn { ${names.join(", ")} };\n},\n`);
  };
  add(entry);
  return `"use strict";
const loaded = new Map();
const load = (name) => {
  if (!loaded.has(name)) loaded.set(name, modules[name]());
  return loaded.get(name);
};
const modules = {
${[...modules.values()].join("")}};
load(${JSON.stringify(entry)});
`;
}

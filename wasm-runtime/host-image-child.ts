/**
 * The process that writes the host's scripts: the directory is its argument. What a host imports is found from its entry,
 * stripped of types and put into one script; the directory is there when it is whole.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SCRIPTS } from "./host-scripts.ts";

const ROOT = fileURLToPath(new URL("./", import.meta.url));

/** Our own style is all that has to be understood: named imports from relative files and from Node, exported declarations. */
const ownImport = /^import (\{[^}]*\}) from "(\.[^"]+)";$/gm;
const ownDynamicImport = /await import\("(\.[^"]+)"\)/g;
const builtinImport = /^import (\{[^}]*\}) from "(node:[^"]+)";$/gm;
const exported = /^export ((?:async )?(?:function\*?|class|const) (\w+))/gm;

write(process.argv[2] ?? "");

function write(directory: string): void {
  const draft = `${directory}.${process.pid}.new`;
  mkdirSync(draft, { recursive: true });
  for (const [name, entry] of Object.entries(SCRIPTS)) writeFileSync(join(draft, name), link(entry, sourceOf));
  try {
    renameSync(draft, directory);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(directory)) throw error;
  }
}

function sourceOf(name: string): string {
  return stripTypeScriptTypes(readFileSync(join(ROOT, name), "utf8"));
}

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

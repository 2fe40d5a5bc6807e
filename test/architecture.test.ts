/**
 * The rules of ARCHITECTURE.md as tests: who may import whom, one home for each third-party package, and that the files
 * the page names exist.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import test from "ava";

const root = resolve(import.meta.dirname, "..");

/** Folder → folders it may import; every folder may import itself. Longest match wins. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "core/api": [],
  "firmware-profiles": [],
  "wasm-runtime": [],
  "core/wire": ["core/api"],
  "core/store": ["core/api"],
  "core/auth": ["core/api"],
  "core/admission": ["core/api"],
  "core/control": ["core/api"],
  "core/registry": ["core/api", "core/auth", "core/store", "core/admission"],
  "core/http": ["core/api", "core/auth", "core/registry"],
  "core/controllers": ["core/api", "core/control"],
  "core/scheduler": ["core/api", "core/control"],
  "core/extensions": ["core/api", "core/control", "core/admission"],
  "core/hub": ["core/api", "core/control", "core/wire"],
  "core/artifacts": ["core/api"],
  "core": ["core", "wasm-runtime", "edge-agent/main.ts"],
  "edge-agent": ["core/api", "core/wire", "wasm-runtime", "firmware-profiles"],
  "scripts": ["core/api"],
};

/** Third-party package → the only place that imports it (a folder or a file). */
const homes: Readonly<Record<string, readonly string[]>> = {
  "hono": ["core/http"],
  "@hono/node-server": ["core/http"],
  "ws": ["core/http"],
  "mqtt": ["core/wire"],
  "cbor-x": ["core/wire"],
  "aedes": ["core/hub"],
  "fast-json-patch": ["core/registry"],
  "yaml": ["core/api/schema", "core/http/format.ts", "core/cli"],
  "jose": ["core/auth"],
  "@marcbachmann/cel-js": ["core/extensions"],
  "commander": ["core/cli.ts", "core/cli"],
  "@bytecodealliance/jco-transpile": ["wasm-runtime"],
};

const sources = globSync(["core/**/*.ts", "edge-agent/**/*.ts", "wasm-runtime/**/*.ts", "firmware-profiles/**/*.ts", "scripts/**/*.ts"], {
  cwd: root,
  exclude: (path) => path.includes("node_modules"),
});

function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/^\s*(?:import|export)\s+(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']/gm), ...text.matchAll(/\bimport\(\s*["']([^"']+)["']/g)].map(
    (match) => match[1] ?? "",
  );
}

const inside = (path: string, place: string) => path === place || path.startsWith(`${place}/`);

function ruleFor(file: string): string | undefined {
  return Object.keys(mayImport)
    .filter((folder) => inside(file, folder))
    .toSorted((a, b) => b.length - a.length)[0];
}

test("folders import only what the architecture allows", (t) => {
  t.true(sources.length > 20);
  const wrong: string[] = [];
  for (const file of sources) {
    const folder = ruleFor(file);
    if (folder === undefined) continue;
    for (const target of importsOf(file).filter((one) => one.startsWith("."))) {
      const path = relative(root, resolve(root, dirname(file), target));
      const allowed = [folder, ...(mayImport[folder] ?? [])];
      if (!allowed.some((place) => inside(path, place))) wrong.push(`${file} imports ${path}`);
    }
  }
  t.deepEqual(wrong, []);
});

test("each third-party package has one home", (t) => {
  const wrong: string[] = [];
  for (const file of sources) {
    for (const target of importsOf(file)) {
      const name = Object.keys(homes).find((one) => inside(target, one));
      if (name !== undefined && !homes[name]?.some((place) => inside(file, place))) wrong.push(`${file} imports ${name}`);
    }
  }
  t.deepEqual(wrong, []);
});

test("every file that ARCHITECTURE.md names exists", (t) => {
  const page = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const named = [...page.matchAll(/`((?:core|edge-agent|wasm-runtime|firmware-profiles|test|bench|docs|examples|scripts)\/[\w./-]*)`/g)].map(
    (match) => match[1] ?? "",
  );
  t.true(named.length > 20);
  t.deepEqual(named.filter((path) => !existsSync(join(root, path))), []);
});

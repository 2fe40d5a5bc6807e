/**
 * Builds every example component: `node examples/components/build.ts`. Those in WebAssembly text need nothing but the npm
 * packages of this workspace; those in C need clang for wasm32-wasi (Debian: clang, lld, wasi-libc, libclang-rt-dev-wasm32; CC
 * names another one) and are left as they are without it. The results are committed because they are small and reproducible.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco-transpile/wasm-tools";

const here = new URL("./", import.meta.url);
for (const [name, world] of [["hello", "service"], ["ticker", "command"]] as const) {
  const core = await parse(readFileSync(new URL(`${name}/${name}.wat`, here), "utf8"));
  const embedded = await componentEmbed({
    binary: core,
    witSource: readFileSync(new URL(`${name}/${name}.wit`, here), "utf8"),
    world,
  });
  const component = await componentNew(embedded);
  writeFileSync(new URL(`${name}/${name}.wasm`, here), component);
  process.stdout.write(`${name}.wasm ${component.length} bytes\n`);
}

const compiler = process.env["CC"] ?? "clang";
for (const name of ["wordcount"]) {
  const path = (extension: string) => fileURLToPath(new URL(`${name}/${name}.${extension}`, here));
  const { status, error } = spawnSync(compiler, ["--target=wasm32-wasi", "-Oz", "-s", path("c"), "-o", path("wasm")], { stdio: "inherit" });
  process.stdout.write(status === 0 ? `${name}.wasm ${readFileSync(path("wasm")).length} bytes\n` : `${name}.wasm was not built: ${error?.message ?? `${compiler} failed`}\n`);
}

/**
 * Builds every example component from its WebAssembly text and WIT: `node examples/components/build.ts`.
 * Needs nothing but the npm packages of this workspace; the results are committed because they are small and reproducible.
 */
import { readFileSync, writeFileSync } from "node:fs";
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

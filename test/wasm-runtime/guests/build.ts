/**
 * Compiles the guests that tests run: `node test/wasm-runtime/guests/build.ts`, with Debian's compilers in the project's cache
 * (scripts/wasm-toolchain.ts). The results are committed, so that tests need nothing.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { componentEmbed } from "@bytecodealliance/jco-transpile/wasm-tools";
import { wasmToolchain } from "../../../scripts/wasm-toolchain.ts";

const here = fileURLToPath(new URL("./", import.meta.url));
const toolchain = await wasmToolchain();

/** name → the world of its own interfaces; none: preview 1 is enough. Core modules: the server adapts them. */
const guests: Readonly<Record<string, { readonly world?: string; readonly library?: boolean }>> = {
  posix: {},
  box: {},
  network: { world: "network" },
  direct: { world: "direct" },
  service: { world: "service", library: true },
};

for (const [name, { world, library = false }] of Object.entries(guests)) {
  const output = `${here}${name}.wasm`;
  await toolchain.c(`${here}${name}.c`, output, { library });
  if (world !== undefined) {
    const binary = readFileSync(output);
    writeFileSync(output, await componentEmbed({ binary, witSource: readFileSync(`${here}guests.wit`, "utf8"), world }));
  }
  process.stdout.write(`${name}.wasm ${readFileSync(output).length} bytes\n`);
}

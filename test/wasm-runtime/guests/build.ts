/**
 * Compiles the guests that tests run: `node test/wasm-runtime/guests/build.ts`. Needs clang and lld for wasm32-wasi (Debian:
 * clang, lld, wasi-libc, libclang-rt-dev-wasm32); the results are committed, so that tests need nothing.
 * CC names another compiler.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { componentEmbed } from "@bytecodealliance/jco-transpile/wasm-tools";

const here = fileURLToPath(new URL("./", import.meta.url));
const compiler = process.env["CC"] ?? "clang";

/** name → the world of its own interfaces; none: preview 1 is enough. Core modules: the server adapts them. */
const guests: Readonly<Record<string, { readonly world?: string; readonly library?: boolean }>> = {
  posix: {},
  network: { world: "network" },
  service: { world: "service", library: true },
};

for (const [name, { world, library }] of Object.entries(guests)) {
  const output = `${here}${name}.wasm`;
  const shape = library === true ? ["-mexec-model=reactor"] : [];
  execFileSync(compiler, ["--target=wasm32-wasi", ...shape, "-Oz", "-s", "-Wall", `${here}${name}.c`, "-lc-printscan-no-floating-point", "-o", output], { stdio: "inherit" });
  if (world !== undefined) {
    const binary = readFileSync(output);
    writeFileSync(output, await componentEmbed({ binary, witSource: readFileSync(`${here}guests.wit`, "utf8"), world }));
  }
  process.stdout.write(`${name}.wasm ${readFileSync(output).length} bytes\n`);
}

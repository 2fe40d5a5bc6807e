/**
 * Builds every example component: `node examples/components/build.ts`. Those in WebAssembly text need nothing but the npm
 * packages of this workspace; those in C and Rust are built by Debian's compilers, which are fetched into the project's cache
 * (scripts/wasm-toolchain.ts). With --javascript also those in JavaScript, whose compiler is in a package of its own (38 MB). The
 * results are committed because they are small and the same bytes each time.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { wasmToolchain } from "../../scripts/wasm-toolchain.ts";

const here = new URL("./", import.meta.url);
const path = (name: string) => fileURLToPath(new URL(name, here));
const text = (name: string) => readFileSync(new URL(name, here), "utf8");
const tell = (name: string) => process.stdout.write(`${name} ${readFileSync(path(name)).length} bytes\n`);

for (const [name, world] of [["hello", "service"], ["ticker", "command"]] as const) {
  const embedded = await componentEmbed({ binary: await parse(text(`${name}/${name}.wat`)), witSource: text(`${name}/${name}.wit`), world });
  writeFileSync(path(`${name}/${name}.wasm`), await componentNew(embedded));
  tell(`${name}/${name}.wasm`);
}

/** A file of WIT is one package; as a part of another file it has braces. */
const nested = (source: string) => source.replace(/^package (.+);$/m, "package $1 {") + "}\n";
const ours = readdirSync(path("../../wasm-runtime/wit")).map((name) => nested(text(`../../wasm-runtime/wit/${name}`)));
const worlds = text("c/worlds.wit");
const toolchain = await wasmToolchain();

for (const source of readdirSync(path("c")).filter((name) => name.endsWith(".c"))) {
  const world = source.replace(/\.c$/, "");
  const output = `c/${world}.wasm`;
  await toolchain.c(path(`c/${source}`), path(output));
  if (worlds.includes(`world ${world} {`)) writeFileSync(path(output), await componentEmbed({ binary: readFileSync(path(output)), witSource: [worlds, ...ours].join("\n"), world }));
  tell(output);
}
for (const source of readdirSync(path("rust")).filter((name) => name.endsWith(".rs"))) {
  const output = `rust/${source.replace(/\.rs$/, ".wasm")}`;
  await toolchain.rust(path(`rust/${source}`), path(output));
  tell(output);
}

if (process.argv.includes("--javascript")) {
  const npm = (...args: readonly string[]) => {
    const { status } = spawnSync("npm", [...args, "--prefix", path("javascript")], { stdio: "inherit" });
    if (status !== 0) throw new Error(`npm ${args.join(" ")} failed`);
  };
  npm("ci");
  npm("run", "build");
}

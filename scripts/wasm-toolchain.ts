/**
 * Compilers for WebAssembly, from Debian's packages of one release, unpacked into the project's cache: guests and examples in C
 * and Rust are built by them, so that everybody gets the same bytes. Debian only (apt-get, dpkg); elsewhere the committed
 * results stay as they are.
 */
import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { unpackDebian } from "./debian.ts";

const run = promisify(execFile);
const SUITE = "trixie";
const PACKAGES = [
  "clang-19", "lld-19", "libclang-rt-19-dev-wasm32", "libclang-common-19-dev", "wasi-libc", "rustc", "libstd-rust-1.85", "libstd-rust-dev-wasm32",
  // what they are linked with, and the loader of that release: the machine's own may be older
  "libllvm19", "libclang-cpp19", "libedit2", "libz3-4", "libxml2", "libicu76", "libbsd0", "libmd0", "libc6", "libstdc++6", "libgcc-s1", "zlib1g", "libzstd1",
  "liblzma5", "libtinfo6", "libffi8",
];

export interface WasmToolchain {
  /** a core module of WASI preview 1. @param library without main: it exports what the source says */
  c(source: string, output: string, options?: { readonly library?: boolean }): Promise<void>;
  rust(source: string, output: string): Promise<void>;
}

export async function wasmToolchain(): Promise<WasmToolchain> {
  const { folder } = await unpackDebian(SUITE, "wasm-toolchain", PACKAGES);
  const usr = join(folder, "usr");
  const llvm = join(usr, "lib/llvm-19");
  const [triplet, loaderName] = process.arch === "arm64" ? ["aarch64-linux-gnu", "ld-linux-aarch64.so.1"] : ["x86_64-linux-gnu", "ld-linux-x86-64.so.2"];
  const loader = join(usr, "lib", triplet, loaderName);
  const loading = ["--library-path", [join(usr, "lib", triplet), join(llvm, "lib")].join(":")];
  // compilers start the linker themselves, so it has to be one program
  const linker = join(folder, "wasm-ld");
  await writeFile(linker, `#!/bin/sh\nexec '${loader}' ${loading.map((word) => `'${word}'`).join(" ")} '${join(llvm, "bin/wasm-ld")}' "$@"\n`, { mode: 0o755 });
  const libraries = join(usr, "lib/wasm32-wasi");
  const resources = join(llvm, "lib/clang/19");
  return {
    async c(source, output, { library = false } = {}) {
      // in two steps: clang starts itself anew when it does both, which it cannot under another loader
      const object = `${output}.o`;
      const flags = ["--target=wasm32-wasi", "-isystem", join(usr, "include/wasm32-wasi"), "-resource-dir", resources, "-Oz", "-Wall", "-Wextra"];
      await run(loader, [...loading, join(llvm, "bin/clang"), ...flags, "-c", source, "-o", object]);
      const start = library ? ["crt1-reactor.o", "--entry=_initialize"] : ["crt1-command.o"];
      await run(linker, ["--strip-all", join(libraries, start[0] ?? ""), ...start.slice(1), object, `-L${libraries}`, "-lc-printscan-no-floating-point", "-lc", join(resources, "lib/wasi/libclang_rt.builtins-wasm32.a"), "-o", output]);
      await rm(object);
    },
    async rust(source, output) {
      await run(
        loader,
        [...loading, join(usr, "bin/rustc"), "--sysroot", usr, "--target", "wasm32-wasip1", "--edition", "2021", "-C", "opt-level=z", "-C", "strip=symbols", "-C", "panic=abort", "-C", `linker=${linker}`, "-C", "linker-flavor=wasm-ld", source, "-o", output],
      );
    },
  };
}

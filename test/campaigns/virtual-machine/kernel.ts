/** Debian's kernel for a virtual machine, and its first file system: busybox and the modules that reach the next one. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { packageBehind, unpackDebian } from "../../../scripts/debian.ts";

const SUITE = "bookworm";
const BUSYBOX = "/bin/busybox";
/** 9p over virtio, and an overlay upon it, in the order in which the kernel takes them */
const MODULES = [
  "drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_pci_modern_dev", "drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci",
  "fs/netfs/netfs", "fs/fscache/fscache", "net/9p/9pnet", "net/9p/9pnet_virtio", "fs/9p/9p", "fs/overlayfs/overlay",
];

export interface Kernel {
  readonly image: string;
  readonly initrd: string;
  /** one directory for each release */
  readonly modules: string;
}

/** Puts the first file system into `directory`. */
export async function kernel(directory: string): Promise<Kernel> {
  const { folder } = await unpackDebian(SUITE, "linux", [await packageBehind(SUITE, "linux-image-amd64")]);
  const modules = join(folder, "lib", "modules");
  const [release] = readdirSync(modules);
  if (release === undefined) throw new Error(`${folder} has no kernel modules`);
  execFileSync(BUSYBOX, ["depmod", "-b", folder, release]);
  return { image: join(folder, "boot", `vmlinuz-${release}`), initrd: firstFiles(directory, join(modules, release, "kernel")), modules };
}

function firstFiles(directory: string, modules: string): string {
  const root = join(directory, "initrd");
  for (const each of ["bin", "modules"]) mkdirSync(join(root, each), { recursive: true });
  copyFileSync(BUSYBOX, join(root, "bin", "busybox"));
  copyFileSync(join(import.meta.dirname, "init.sh"), join(root, "init"));
  const files = MODULES.map((module) => `${basename(module)}.ko`);
  for (const [index, module] of MODULES.entries()) copyFileSync(join(modules, `${module}.ko`), join(root, "modules", files[index] ?? ""));
  writeFileSync(join(root, "modules", "order"), files.join("\n"));
  const archive = execFileSync("sh", ["-c", `find . | ${BUSYBOX} cpio -o -H newc`], { cwd: root, maxBuffer: 1 << 26, stdio: ["ignore", "pipe", "ignore"] });
  const initrd = join(directory, "initrd.cpio");
  writeFileSync(initrd, archive);
  return initrd;
}

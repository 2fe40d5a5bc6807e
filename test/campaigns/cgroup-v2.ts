/**
 * The tests of containers on cgroup version 2, wherever this is run: in a virtual machine with Debian's kernel, which sees
 * the files of this machine read-only under a layer of memory and has no network. The processor is emulated, so a test takes
 * some ten times as long. Needs root; x86-64.
 *
 *   npm run cgroup-v2 [-- COMMAND…]     (ava --config ava.real.config.js and the tests of containers, unless told otherwise)
 *
 * Ends with the command's exit code.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { installComponents, installPrograms } from "../support/components.ts";
import { kernel } from "./virtual-machine/kernel.ts";

const TESTS = ["containerd", "pod-features", "pod-faults", "containers"].map((name) => `test/real/${name}.test.ts`);
const PROJECT = resolve(import.meta.dirname, "../..");
const GUEST = join(import.meta.dirname, "virtual-machine", "guest.sh");
const MEMORY_MB = 4_096;
/** Of two hours: for the whole of the conformance tests. */
const LIMIT_MS = 7_200_000;
const EXIT = /^guest: exit (\d+)/;

const command = process.argv.length > 2 ? process.argv.slice(2) : ["ava", "--config", "ava.real.config.js", ...TESTS];
if (command.some((word) => /\s/.test(word))) throw new Error(`a word with a blank cannot be handed to the virtual machine: ${command.join(" ")}`);
installComponents();
installPrograms([{ package: "qemu-system-x86", program: "/usr/bin/qemu-system-x86_64" }]);
const directory = mkdtempSync(join(tmpdir(), "lichen-vm-"));
try {
  process.exitCode = await run(command);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function run(words: readonly string[]): Promise<number> {
  const { image, initrd, modules } = await kernel(directory);
  const machine = spawn(
    "qemu-system-x86_64",
    [
      ["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", `${MEMORY_MB}`],
      ["-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio"],
      ["-kernel", image, "-initrd", initrd, "-append", `console=ttyS0 quiet panic=-1 -- ${[GUEST, PROJECT, modules, ...words].join(" ")}`],
      ["-fsdev", "local,id=machine,path=/,security_model=none,readonly=on,multidevs=remap", "-device", "virtio-9p-pci,fsdev=machine,mount_tag=machine"],
    ].flat(),
    { stdio: ["ignore", "pipe", "inherit"], timeout: LIMIT_MS },
  );
  process.once("SIGINT", () => void machine.kill());
  let code = 1;
  for await (const line of createInterface({ input: machine.stdout })) {
    process.stdout.write(`${line}\n`);
    code = Number(EXIT.exec(line)?.[1] ?? code);
  }
  return code;
}

/**
 * The image of the process that holds a pod's namespaces. It does two things, ignore SIGCHLD so that the kernel reaps
 * orphans (SA_NOCLDWAIT) and wait for signals for ever; a few machine instructions per architecture say that, so the
 * program is assembled here and no registry is needed to start a pod.
 */
import { ociArchive } from "./oci-archive.ts";

export const PAUSE_IMAGE = "registry.lichen.internal/lichen/pause:1";

/** struct kernel_sigaction { handler = SIG_IGN (1), flags = SA_NOCLDWAIT (2), restorer, mask }, little endian. */
function ignoreChildren(): Buffer {
  const action = Buffer.alloc(32);
  action.writeBigUInt64LE(1n, 0);
  action.writeBigUInt64LE(2n, 8);
  return action;
}

function pauseAmd64(): Buffer {
  const code = Buffer.from([
    0xb8, 0x0d, 0, 0, 0, // mov eax, 13 (rt_sigaction)
    0xbf, 0x11, 0, 0, 0, // mov edi, 17 (SIGCHLD)
    0x48, 0x8d, 0x35, 0, 0, 0, 0, // lea rsi, [rip + action]
    0x31, 0xd2, // xor edx, edx
    0x41, 0xba, 0x08, 0, 0, 0, // mov r10d, 8 (size of the mask)
    0x0f, 0x05, // syscall
    0xb8, 0x22, 0, 0, 0, // mov eax, 34 (pause)
    0x0f, 0x05, // syscall
    0xeb, 0xf7, // jmp back to mov eax, 34
  ]);
  const afterLea = 17;
  code.writeInt32LE(code.length - afterLea, afterLea - 4);
  return elf(EM_X86_64, Buffer.concat([code, ignoreChildren()]));
}

function pauseArm64(): Buffer {
  const instructions = [
    0xd28010c8, // mov x8, 134 (rt_sigaction)
    0xd2800220, // mov x0, 17 (SIGCHLD)
    0, // adr x1, action: filled in below
    0xd2800002, // mov x2, 0
    0xd2800103, // mov x3, 8
    0xd4000001, // svc 0
    0xd2800000, // mov x0, 0
    0xd2800001, // mov x1, 0
    0xd2800002, // mov x2, 0
    0xd2800003, // mov x3, 0
    0xd2800928, // mov x8, 73 (ppoll: without timeout or descriptors, a pause)
    0xd4000001, // svc 0
    0x17fffffa, // b back to mov x0, 0
    0xd503201f, // nop: the action stays 8-byte aligned
  ];
  const adr = 2;
  const distance = (instructions.length - adr) * 4;
  instructions[adr] = (0x10000000 | ((distance & 3) << 29) | ((distance >> 2) << 5) | 1) >>> 0;
  const code = Buffer.alloc(instructions.length * 4);
  instructions.forEach((word, index) => code.writeUInt32LE(word, index * 4));
  return elf(EM_AARCH64, Buffer.concat([code, ignoreChildren()]));
}

const EM_X86_64 = 0x3e;
const EM_AARCH64 = 0xb7;

/** A static executable with one read-and-execute segment (System V ABI, ELF-64 object file format). */
function elf(machine: number, body: Buffer): Buffer {
  const headers = 64 + 56;
  const base = 0x400000n;
  const header = Buffer.alloc(headers);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(header);
  header.writeUInt16LE(2, 16); // ET_EXEC
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(base + BigInt(headers), 24); // entry
  header.writeBigUInt64LE(64n, 32); // program headers
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64); // PT_LOAD
  header.writeUInt32LE(5, 68); // read, execute
  header.writeBigUInt64LE(base, 80);
  header.writeBigUInt64LE(base, 88);
  const size = BigInt(headers + body.length);
  header.writeBigUInt64LE(size, 96);
  header.writeBigUInt64LE(size, 104);
  header.writeBigUInt64LE(0x10000n, 112); // alignment: works with 4 KiB, 16 KiB and 64 KiB pages
  return Buffer.concat([header, body]);
}

export function pauseImage(): Buffer {
  return ociArchive({
    reference: PAUSE_IMAGE,
    config: { Entrypoint: ["/pause"], User: "65535:65535" },
    platforms: [
      { architecture: "amd64", files: [{ path: "pause", data: pauseAmd64(), mode: 0o755 }] },
      { architecture: "arm64", files: [{ path: "pause", data: pauseArm64(), mode: 0o755 }] },
    ],
  });
}

/**
 * Reads a module that may be run: once, and checks digest and signature of what was read. The host process gets these bytes
 * and never opens the file, so what was verified is what runs. The glue is made by the transpiler, whose server signed it;
 * nothing that is not signed reaches a JavaScript engine.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { SignedModule } from "./host/spec.ts";
import { isSigned } from "./signature.ts";

/** The module is not what it should be: nothing of it was run. */
export class VerificationError extends Error {
  override readonly name = "VerificationError";
}

/** @param publicKeys PEM (SPKI): Ed25519 or P-256. @throws VerificationError */
export function readVerified(module: SignedModule, publicKeys: readonly string[]): Uint8Array {
  const bytes = readFileSync(module.path);
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (digest !== module.moduleDigest) {
    throw new VerificationError(`the module on disk has digest ${digest}, expected ${module.moduleDigest}: it is damaged or was changed`);
  }
  if (!isSigned(module, publicKeys)) {
    throw new VerificationError(`the signature of module ${digest} does not verify with any of the ${publicKeys.length} trusted keys`);
  }
  return bytes;
}

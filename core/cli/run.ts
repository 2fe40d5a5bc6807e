/**
 * `lichen run FILE.wasm [ARGS]`: a component here and now, on the same host with the same limits as on a device. Nothing is
 * granted that the command line does not name. The module is signed with a key that exists for this run only.
 */
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { wholeValue, parseQuantity } from "../api/quantity.ts";
import { parseEndpoints, parseListening } from "../../wasm-runtime/host/endpoints.ts";
import { prepareHost } from "../../wasm-runtime/host-image.ts";
import { watchComponent } from "../../wasm-runtime/process.ts";
import type { Preopen } from "../../wasm-runtime/process.ts";
import { moduleSigner, transpile } from "../../wasm-runtime/transpile.ts";

export interface RunFlags {
  readonly env: readonly string[];
  readonly dir: readonly string[];
  readonly allowOutbound?: string;
  readonly allowListen?: string;
  readonly memory: string;
  readonly listen: string;
  readonly call?: boolean;
}

const LOCAL = "127.0.0.1";
const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export async function run(file: string, args: readonly string[], flags: RunFlags): Promise<void> {
  const grants = {
    preopens: flags.dir.map(preopen),
    ...(flags.allowOutbound === undefined ? {} : { outbound: checked(flags.allowOutbound, parseEndpoints) }),
    ...(flags.allowListen === undefined ? {} : { listening: checked(flags.allowListen, parseListening) }),
  };
  const listen = address(flags.listen);
  const memoryLimitBytes = wholeValue(parseQuantity(flags.memory));
  const component = readFileSync(file);
  const { bytes, header } = await transpile(component);
  const directory = mkdtempSync(join(tmpdir(), "lichen-run-"));
  try {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const digests = { componentDigest: digestOf(component), moduleDigest: digestOf(bytes) };
    const service = header.world === "http" && flags.call !== true;
    const watched = watchComponent({
      host: prepareHost(directory),
      module: { path: "", ...digests, signature: moduleSigner(privateKey.export({ type: "pkcs8", format: "pem" }).toString())(digests) },
      publicKeys: [publicKey.export({ type: "spki", format: "pem" }).toString()],
      bytes,
      world: header.world,
      args: [file, ...args],
      env: flags.env.map(variable),
      memoryLimitBytes,
      listen: service ? [listen] : [],
      addresses: [LOCAL],
      stateDir: join(directory, "state"),
      grants,
      stdin: true,
      stdio: "inherit",
      ...(flags.call === true ? { call: args } : {}),
    });
    if (service) process.stderr.write(`serving on http://${listen.host}:${listen.port}\n`);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => watched.kill(signal));
    const { code } = await watched.exit;
    process.exitCode = code;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function checked(text: string, parse: (text: string) => unknown): string {
  parse(text);
  return text;
}

/** "HOST[:GUEST][:ro]", as container tools write it. @throws Error */
export function preopen(text: string): Preopen {
  const [host = "", ...rest] = text.split(":");
  const readOnly = rest.at(-1) === "ro";
  const [guestPath = host, ...more] = readOnly ? rest.slice(0, -1) : rest;
  if (host === "" || more.length > 0) throw new Error(`--dir "${text}": write HOST[:GUEST][:ro], for example ./data:/data:ro`);
  return { hostPath: resolve(host), guestPath, readOnly };
}

/** @throws Error */
export function variable(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new Error(`--env "${text}": write NAME=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function address(text: string): { host: string; port: number } {
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(text);
  if (match === null || Number(match[2]) > 65_535) throw new Error(`--listen "${text}": write PORT or ADDRESS:PORT`);
  return { host: match[1] ?? LOCAL, port: Number(match[2]) };
}

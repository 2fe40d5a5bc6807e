/** One component, transpiled and signed, ready to be started any number of times. */
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepareHost } from "../../wasm-runtime/host-image.ts";
import { sharedStateDir } from "../../wasm-runtime/shared-process.ts";
import type { Group } from "../../wasm-runtime/shared-process.ts";
import type { StartOptions } from "../../wasm-runtime/start-options.ts";
import { moduleSigner, transpile } from "../../wasm-runtime/transpile.ts";

export interface ComponentBench {
  /** file of its module */
  readonly module: string;
  readonly group: Group;
  readonly options: (process: "own" | "shared") => StartOptions;
}

const MEMORY_BYTES = 16 << 20;

export async function componentBench(directory: string, component: Uint8Array): Promise<ComponentBench> {
  mkdirSync(directory, { recursive: true });
  const { bytes } = await transpile(component);
  const path = join(directory, "module");
  writeFileSync(path, bytes);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const digests = { componentDigest: digest(component), moduleDigest: digest(bytes) };
  const sign = moduleSigner(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  const host = prepareHost(directory);
  const group: Group = { directory: join(directory, "shared"), logs: `${directory}/*`, stores: join(directory, "stores"), files: false, maxMemoryBytes: 256 << 20 };
  let count = 0;
  const options = (process: "own" | "shared"): StartOptions => {
    const id = String(++count).padStart(6, "0");
    return {
      host,
      module: { path, ...digests, signature: sign(digests) },
      publicKeys: [publicKey.export({ type: "spki", format: "pem" }).toString()],
      world: "http",
      args: ["hello"],
      env: [["HOSTNAME", "bench"]],
      memoryLimitBytes: MEMORY_BYTES,
      listen: [{ host: "127.0.0.1", port: 0 }],
      addresses: ["127.0.0.1"],
      logPath: join(directory, `log-${id}`),
      stateDir: process === "own" ? join(directory, `state-${id}`) : sharedStateDir(group.directory, id),
      grants: {},
    };
  };
  return { module: path, group, options };
}

function digest(of: Uint8Array): string {
  return `sha256:${createHash("sha256").update(of).digest("hex")}`;
}

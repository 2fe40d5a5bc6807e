/**
 * What a pod's annotations grant its components beyond what its spec says. Everything is denied unless it is written here; a
 * value that is not understood keeps the component from starting, because a guess would be a hole. See docs/components.md.
 */
import type { Pod } from "../../../core/api/types.gen.ts";
import { parseEndpoints, parseListening } from "../../../wasm-runtime/host/endpoints.ts";
import type { Grants } from "../../../wasm-runtime/process.ts";

export const GRANT_PREFIX = "wasi.lichen.dev/";

type Annotated = Omit<Grants, "preopens">;

/** Annotation → how its value becomes a grant. */
const readers: Readonly<Record<string, (value: string) => Annotated>> = {
  "allow-outbound": (outbound) => (parseEndpoints(outbound), { outbound }),
  "allow-listen": (listening) => (parseListening(listening), { listening }),
};

/** @throws Error that names the annotation */
export function grantsOf(pod: Pod): Annotated {
  let grants: Annotated = {};
  for (const [key, value] of Object.entries(pod.metadata.annotations ?? {})) {
    if (!key.startsWith(GRANT_PREFIX)) continue;
    const name = key.slice(GRANT_PREFIX.length);
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined) throw new Error(`annotation ${key}: there is no such grant; known are ${Object.keys(readers).join(", ")}`);
    try {
      grants = { ...grants, ...read(value) };
    } catch (error) {
      throw new Error(`annotation ${key}: ${(error as Error).message}`, { cause: error });
    }
  }
  return grants;
}

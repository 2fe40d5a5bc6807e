/** `lichen inspect FILE.wasm`: what a component is, imports and exports, and what its pod must grant for it to work. */
import { readFileSync } from "node:fs";
import { transpile } from "../../wasm-runtime/transpile.ts";

/** Capability → how a pod grants it; absent: every pod has it. */
const grants: Readonly<Record<string, string>> = {
  "wasi:filesystem": "volumes: each volumeMount that is a directory",
  "wasi:http/outgoing-handler": "annotation wasi.lichen.dev/allow-outbound: HOST:PORT, …",
  "wasi:sockets": "annotations wasi.lichen.dev/allow-outbound: HOST:PORT, … and wasi.lichen.dev/allow-listen: tcp:PORT, udp:PORT",
};

export async function inspect(file: string): Promise<void> {
  process.stdout.write(await description(file));
}

/** @throws ComponentError when it would not run on a device: with the reason */
export async function description(file: string): Promise<string> {
  const component = readFileSync(file);
  const { header, bytes } = await transpile(component);
  const kind = header.world === "http" ? "service (wasi:http/incoming-handler): listens on its first containerPort, 8080 unless given" : "command (wasi:cli/run): runs once";
  const needed = header.capabilities.filter((name) => grants[name] !== undefined);
  return [
    `${file}: ${kind}`,
    `size      ${component.length} bytes, ${bytes.length} as a module`,
    ...titled("imports", header.imports),
    ...titled("exports", header.exports),
    ...titled("grants", needed.length === 0 ? ["none needed"] : needed.map((name) => `${name}: ${grants[name] ?? ""}`)),
    ...(needed.length === 0 ? [] : ["          libraries import more than a program uses: what is missing is named in the pod's log when it is asked for"]),
    "",
  ].join("\n");
}

const titled = (title: string, lines: readonly string[]) => lines.map((line, at) => `${(at === 0 ? title : "").padEnd(10)}${line}`);

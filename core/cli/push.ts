/** `lichen push`: a component into the server's registry. */
import { readFileSync } from "node:fs";
import { pushComponent } from "../artifacts/push.ts";
import { sendRequest } from "./api-request.ts";
import { readAccess } from "./kubeconfig.ts";

export async function push(file: string, reference: string, flags: { readonly dataDir: string; readonly kubeconfig?: string }): Promise<void> {
  const access = readAccess(flags);
  const image = await pushComponent({ bytes: readFileSync(file), reference, send: (call) => sendRequest(access, call) });
  process.stdout.write(`${image}\n`);
}

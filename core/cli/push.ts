/** `lichen push`: a component into the server's registry. */
import { readFileSync } from "node:fs";
import { systemClock, timestamp } from "../api/clock.ts";
import { pushComponent } from "../artifacts/push.ts";
import { sendTo } from "../artifacts/push-connection.ts";
import { readComponentHeader } from "../../wasm-runtime/component-header.ts";
import { connectionOf } from "./api-request.ts";
import { type Access, readAccess } from "./kubeconfig.ts";

interface Flags {
  readonly dataDir: string;
  readonly kubeconfig?: string;
  readonly add?: boolean;
}

export async function push(file: string, name: string, flags: Flags): Promise<void> {
  const image = await pushFile(readAccess(flags), file, name, flags.add === true);
  process.stdout.write(`${image}\n`);
}

/** The image as pods write it. @param add as one more form of what the tag has already */
export async function pushFile(access: Access, file: string, name: string, add: boolean): Promise<string> {
  const component = readFileSync(file);
  const connection = sendTo(connectionOf(access));
  try {
    const interfaces = readComponentHeader(component);
    const { image } = await pushComponent({ component, name, send: connection.send, index: add, interfaces, created: timestamp(systemClock.now()) });
    return image;
  } finally {
    connection.close();
  }
}

/** `lichen push`: a component, or a container image from an archive, into the server's registry. */
import { readFileSync } from "node:fs";
import { systemClock, timestamp } from "../api/clock.ts";
import { pushImage } from "../artifacts/push-image.ts";
import { pushComponent } from "../artifacts/push.ts";
import { sendTo } from "../artifacts/push-connection.ts";
import { isCoreModule, readComponentHeader } from "../../wasm-runtime/component-header.ts";
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

const WASM_MAGIC = "\0asm";

/** The image as pods write it. @param add a component as one more form of what the tag has already */
export async function pushFile(access: Access, file: string, name: string, add: boolean): Promise<string> {
  const bytes = readFileSync(file);
  const connection = sendTo(connectionOf(access));
  try {
    if (bytes.toString("latin1", 0, WASM_MAGIC.length) !== WASM_MAGIC) {
      if (add) throw new Error("--add takes a component (.wasm); push the container image first");
      return (await pushImage({ archive: bytes, name, send: connection.send })).image;
    }
    const { image } = await pushComponent({
      component: bytes,
      name,
      send: connection.send,
      index: add,
      ...(isCoreModule(bytes) ? {} : { interfaces: readComponentHeader(bytes) }),
      created: timestamp(systemClock.now()),
    });
    return image;
  } finally {
    connection.close();
  }
}

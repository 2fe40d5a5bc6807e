/** Keeps the file from which components learn of Services. */
import { mkdir, writeFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { Log } from "../../core/api/log.ts";
import type { AnyObject } from "../../core/api/meta.ts";
import type { EndpointSlice, Service } from "../../core/api/types.gen.ts";
import type { Desired } from "../desired.ts";
import { serviceDirectory } from "./service-directory.ts";

export interface DirectoryParts {
  readonly file: string;
  readonly node: string;
  readonly desired: Pick<Desired, "list" | "onChange">;
  readonly domain: () => string;
  readonly carried: boolean;
  readonly log: Log;
}

/** Resolves when the file is there. */
export async function keepDirectory({ file, node, desired, domain, carried, log }: DirectoryParts): Promise<void> {
  let written: string | undefined;
  let writing: Promise<void> = Promise.resolve();
  const write = async () => {
    const services = desired.list("v1/services") as readonly Service[];
    const slices = desired.list("discovery.k8s.io/v1/endpointslices") as readonly (AnyObject & EndpointSlice)[];
    const text = JSON.stringify(serviceDirectory({ services, slices, node, domain: domain(), carried }));
    if (text === written) return;
    // no fsync: it is made anew at every start
    await writeFile(`${file}.new`, text, { mode: 0o600 });
    await rename(`${file}.new`, file);
    written = text;
  };
  const look = () => {
    writing = writing.then(write).catch((error: unknown) => log.warn({ error: String(error) }, "components cannot be told of Services"));
    return writing;
  };
  await mkdir(dirname(file), { recursive: true, mode: 0o711 });
  desired.onChange(() => void look());
  await look();
}

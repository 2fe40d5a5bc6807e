/** What a component of WASI 0.3 can import besides that of 0.2: loaded only for one, by keys that do not collide (transpile-child.ts). */
import { asyncClocks } from "./async-clocks.ts";
import { asyncCli } from "./async-cli.ts";
import { asyncFilesystem } from "./async-filesystem.ts";
import type { CliOptions } from "./cli.ts";
import type { filesystem } from "./filesystem.ts";
import { insecure, insecureSeed, random } from "./random.ts";

export interface AsyncImports {
  readonly interfaces: object;
  /** what the guest has handed over is written */
  drained(): Promise<void>;
}

/** @param files of the guest, which both versions of WASI share */
export function asyncImports(options: CliOptions, files: ReturnType<typeof filesystem>): AsyncImports {
  const { interfaces, drained } = asyncCli(options);
  return {
    drained,
    interfaces: {
      ...interfaces,
      ...asyncClocks,
      ...asyncFilesystem(files),
      "p3:random/random": random,
      "p3:random/insecure": insecure,
      "p3:random/insecure-seed": { getInsecureSeed: insecureSeed.insecureSeed },
    },
  };
}

/** A program for Node in a container of its own, by runc alone: the host's network, everything else its own. */
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface NodeContainer {
  /** first line that the program printed */
  readonly said: string;
  readonly pid: number;
  stop(): void;
}

export function runNodeContainer(directory: string, program: string): Promise<NodeContainer> {
  const root = join(directory, "rootfs");
  const put = (path: string) => {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    copyFileSync(path, join(root, path));
  };
  put(process.execPath);
  for (const [, library] of execFileSync("ldd", [process.execPath], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g)) put(library ?? "");
  for (const name of ["proc", "dev", "sys", "tmp"]) mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, "program.cjs"), program);
  execFileSync("runc", ["spec", "--bundle", directory]);
  const file = join(directory, "config.json");
  const spec = JSON.parse(readFileSync(file, "utf8")) as { process: { args: string[]; terminal: boolean }; linux: { namespaces: { type: string }[] } };
  spec.process = { ...spec.process, terminal: false, args: [process.execPath, "/program.cjs"] };
  spec.linux = { ...spec.linux, namespaces: spec.linux.namespaces.filter(({ type }) => type !== "network") };
  writeFileSync(file, JSON.stringify(spec));
  const id = `bench-${process.pid}`;
  const child = spawn("runc", ["run", "--bundle", directory, id], { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`runc ended with ${code}`)));
    child.stdout.once("data", (chunk: Buffer) => {
      const { pid } = JSON.parse(execFileSync("runc", ["state", id], { encoding: "utf8" })) as { pid: number };
      resolve({ said: chunk.toString().trim(), pid, stop: () => void execFileSync("runc", ["delete", "--force", id]) });
    });
  });
}

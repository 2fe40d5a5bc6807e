/**
 * Debian packages of any suite, unpacked into a folder of the project and never installed: the tests need several versions
 * of kubectl and containerd side by side, the schema generator needs Go sources of unstable. A private apt configuration
 * keeps the other suite's lists away from the system's.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export const cacheDir = resolve(import.meta.dirname, "..", ".cache", "debian");

const mirror = "http://deb.debian.org/debian";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

export interface Unpacked {
  readonly folder: string;
  /** "kubectl 1.36.4-1" */
  readonly versions: readonly string[];
}

/**
 * Unpacks `packages` without their dependencies; done once per suite and name.
 * @param architecture Debian's word for it, "arm64"; absent: this machine's
 */
export async function unpackDebian(suite: string, name: string, packages: readonly string[], architecture?: string): Promise<Unpacked> {
  const target = join(cacheDir, suite, name);
  const record = join(cacheDir, suite, `${name}.versions`);
  if (existsSync(target) && existsSync(record)) return { folder: target, versions: JSON.parse(readFileSync(record, "utf8")) as string[] };
  const apt = await aptFor(suite, architecture);
  const downloads = join(cacheDir, suite, `${name}.download`);
  const unpacked = join(cacheDir, suite, `${name}.partial`);
  rmSync(target, { recursive: true, force: true });
  for (const dir of [downloads, unpacked]) {
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
  }
  await run("apt-get", [...apt, "download", ...packages], { cwd: downloads });
  const files = readdirSync(downloads);
  for (const file of files) await run("dpkg", ["-x", join(downloads, file), unpacked]);
  // NAME_VERSION_ARCHITECTURE.deb
  const versions = files.map((file) => file.split("_").slice(0, 2).join(" "));
  writeFileSync(record, JSON.stringify(versions));
  rmSync(downloads, { recursive: true });
  renameSync(unpacked, target);
  return { folder: target, versions };
}

/** What a package without content of its own stands for at the moment: "linux-image-amd64" is a kernel with its version. */
export async function packageBehind(suite: string, name: string): Promise<string> {
  const { stdout } = await run("apt-cache", [...(await aptFor(suite, undefined)), "depends", name]);
  const found = /^\s*Depends: (\S+)$/m.exec(stdout)?.[1];
  if (found === undefined) throw new Error(`${name} of Debian ${suite} depends on nothing`);
  return found;
}

const ready = new Map<string, Promise<readonly string[]>>();

/** Options that point apt at one suite and architecture; their package lists are fetched once per process. */
function aptFor(suite: string, architecture: string | undefined): Promise<readonly string[]> {
  const folder = architecture === undefined ? "apt" : `apt-${architecture}`;
  const root = join(cacheDir, suite, folder);
  let options = ready.get(root);
  if (options === undefined) ready.set(root, (options = prepareApt(suite, root, architecture)));
  return options;
}

async function prepareApt(suite: string, root: string, architecture: string | undefined): Promise<readonly string[]> {
  for (const dir of ["lists/partial", "archives/partial", "etc"]) mkdirSync(join(root, dir), { recursive: true });
  writeFileSync(
    join(root, "etc", "sources.list"),
    // a mirror may hold a suite past the "Valid-Until" date of its list; signatures are checked all the same
    `deb [signed-by=${keyring} check-valid-until=no] ${mirror} ${suite} main\n`,
  );
  writeFileSync(join(root, "status"), "");
  const options = [
    ["Dir::Etc::sourcelist", join(root, "etc", "sources.list")],
    ["Dir::Etc::sourceparts", "-"],
    ["Dir::Etc::preferencesparts", "-"],
    ["Dir::State::Lists", join(root, "lists")],
    ["Dir::State::status", join(root, "status")],
    ["Dir::Cache", root],
    ["APT::Sandbox::User", "root"],
    ["Acquire::Languages", "none"],
    ...(architecture === undefined ? [] : [["APT::Architecture", architecture], ["APT::Architectures::", architecture]]),
  ].flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  await run("apt-get", [...options, "-qq", "update"], { maxBuffer: 1 << 24 });
  return options;
}

/**
 * Fetches Debian's Go packages of the Kubernetes API without touching the system's package lists: apt gets its own
 * configuration, lists and cache below one folder, and checks the archive's signature as always.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const packages = [
  "golang-k8s-api-dev",
  "golang-k8s-apimachinery-dev",
  "golang-k8s-client-go-dev",
  "golang-k8s-apiextensions-apiserver-dev",
];

/** An archive mirror may hold a suite past its "Valid-Until" date; the versions that were read are written into the output. */
const sourceLine =
  "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg check-valid-until=no] http://deb.debian.org/debian sid main\n";

/** `source` is the folder of Go import paths; `versions` names what is there ("golang-k8s-api-dev 0.36.4-1"). */
export function fetchPackages(folder: string): { source: string; versions: readonly string[] } {
  const downloads = join(folder, "deb");
  const unpacked = join(folder, "src");
  if (!existsSync(unpacked)) {
    const environment = { ...process.env, APT_CONFIG: writeConfiguration(folder) };
    mkdirSync(downloads, { recursive: true });
    execFileSync("apt-get", ["update"], { env: environment, stdio: "inherit" });
    execFileSync("apt-get", ["download", ...packages], { env: environment, cwd: downloads, stdio: "inherit" });
    for (const file of readdirSync(downloads)) execFileSync("dpkg", ["-x", join(downloads, file), unpacked]);
  }
  const versions = readdirSync(downloads)
    .map((file) => file.split("_"))
    .filter(([name]) => packages.includes(name ?? ""))
    .map(([name, version]) => `${name} ${version}`);
  return { source: join(unpacked, "usr/share/gocode/src"), versions };
}

function writeConfiguration(folder: string): string {
  const etc = join(folder, "etc");
  for (const each of ["etc/preferences.d", "etc/sources.list.d", "etc/apt.conf.d", "lists/partial", "archives/partial", "state"]) {
    mkdirSync(join(folder, each), { recursive: true });
  }
  writeFileSync(join(etc, "sources.list"), sourceLine);
  writeFileSync(join(folder, "state/status"), "");
  const configuration = join(folder, "apt.conf");
  writeFileSync(
    configuration,
    [
      `Dir::Etc "${etc}";`,
      `Dir::Etc::SourceList "${join(etc, "sources.list")}";`,
      `Dir::State "${join(folder, "state")}";`,
      `Dir::State::Lists "${join(folder, "lists")}";`,
      `Dir::State::Status "${join(folder, "state/status")}";`,
      `Dir::Cache "${folder}";`,
      `Dir::Cache::Archives "${join(folder, "archives")}";`,
      "",
    ].join("\n"),
  );
  return configuration;
}

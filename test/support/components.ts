/**
 * The real programs that tests run against, and how to get them: Debian packages of the machine's own release are
 * installed (as root), other versions are unpacked beside the project.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { unpackDebian } from "../../scripts/debian.ts";

interface Installed {
  readonly package: string;
  readonly program: string;
}

/** Programs of the machine's own Debian release. */
const installed: readonly Installed[] = [
  { package: "containerd", program: "/usr/bin/containerd" },
  { package: "runc", program: "/usr/sbin/runc" },
  { package: "containernetworking-plugins", program: "/usr/lib/cni/ptp" },
  { package: "busybox-static", program: "/bin/busybox" },
  { package: "mosquitto", program: "/usr/sbin/mosquitto" },
  { package: "etcd-server", program: "/usr/bin/etcd" },
  { package: "iproute2", program: "/usr/sbin/ip" },
  { package: "nftables", program: "/usr/sbin/nft" },
  { package: "wrk", program: "/usr/bin/wrk" },
  { package: "iptables", program: "/usr/sbin/iptables" },
  { package: "curl", program: "/usr/bin/curl" },
  { package: "openssl", program: "/usr/bin/openssl" },
  { package: "python3-kubernetes", program: "/usr/lib/python3/dist-packages/kubernetes/__init__.py" },
];

export function installComponents(): void {
  installPrograms(installed);
}

/** Installs what is missing. @throws Error that names the packages when this is not possible */
export function installPrograms(programs: readonly { readonly package: string; readonly program: string }[]): void {
  const missing = programs.filter(({ program }) => !existsSync(program)).map((one) => one.package);
  if (missing.length === 0) return;
  const command = `apt-get install ${missing.join(" ")}`;
  if (process.getuid?.() !== 0) throw new Error(`the real-component tests need these programs: run "${command}" as root`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  execFileSync("apt-get", ["-qq", "update"], { stdio: "inherit", env });
  execFileSync("apt-get", ["-qq", "-y", "install", "--no-install-recommends", ...missing], { stdio: "inherit", env });
}

const kubectlSuite = { "1.32": "trixie", "1.36": "sid" } as const;
export type KubectlVersion = keyof typeof kubectlSuite;
export const kubectlVersions = Object.keys(kubectlSuite) as readonly KubectlVersion[];

/** Path of a kubectl of the given minor version. */
export async function kubectlProgram(version: KubectlVersion): Promise<string> {
  const { folder } = await unpackDebian(kubectlSuite[version], "kubectl", ["kubectl"]);
  return join(folder, "usr", "bin", "kubectl");
}

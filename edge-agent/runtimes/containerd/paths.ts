/** Where a private containerd keeps its things: everything below one directory, so that removing a device is removing it. */
import { createHash } from "node:crypto";
import { join } from "node:path";

export interface DaemonPaths {
  readonly base: string;
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly config: string;
  readonly log: string;
  /** who runs: pid, start time, boot, config digest */
  readonly record: string;
  readonly cniConfig: string;
  readonly ipam: string;
  readonly certificates: string;
}

/** sun_path holds 108 bytes with its NUL; containerd adds ".ttrpc". */
const MAX_SOCKET_PATH = 100;

export function daemonPaths(dataDir: string): DaemonPaths {
  const base = join(dataDir, "containerd");
  const inside = join(base, "containerd.sock");
  const short = join("/run", `lichen-${createHash("sha256").update(base).digest("hex").slice(0, 12)}.sock`);
  return {
    base,
    root: join(base, "root"),
    state: join(base, "state"),
    socket: Buffer.byteLength(inside) <= MAX_SOCKET_PATH ? inside : short,
    config: join(base, "config.toml"),
    log: join(base, "containerd.log"),
    record: join(base, "daemon.json"),
    cniConfig: join(base, "cni"),
    ipam: join(base, "ipam"),
    certificates: join(base, "certs.d"),
  };
}

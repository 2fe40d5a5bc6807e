/** The socket of a pod's shim: one that was killed leaves it behind, and nobody else takes it away. */
import { createHash } from "node:crypto";
import { join } from "node:path";

/** containerd's own state directory, whatever the daemon's is (pkg/shim, SocketAddress) */
const SOCKETS = "/run/containerd/s";

/** `socket`: containerd's */
export function shimSocket(socket: string, sandboxId: string): string {
  return join(SOCKETS, createHash("sha256").update(join(socket, "k8s.io", sandboxId)).digest("hex"));
}

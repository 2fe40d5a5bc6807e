import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { strayShims } from "../../../edge-agent/runtimes/containerd/stray-shims.ts";

test("a shim is stray when it has no bundle and no process; those of others are never", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "lichen-shims-"));
  t.teardown(() => rm(root, { recursive: true }));
  const [proc, state, socket] = [join(root, "proc"), join(root, "state"), "/data/containerd.sock"];
  const shim = (id: string, address: string, ...more: readonly string[]) => ["/usr/bin/containerd-shim-runc-v2", "-namespace", "k8s.io", "-id", id, "-address", address, ...more];
  const processes: readonly (readonly [number, number, readonly string[]])[] = [
    [10, 1, shim("kept", socket)],
    [11, 1, shim("stray", socket)],
    [12, 1, shim("busy", socket)],
    [13, 12, ["/pause"]],
    [14, 1, shim("elsewhere", "/other/containerd.sock")],
    [15, 1, shim("going", socket, "-bundle", "/x", "delete")],
    [16, 1, ["sh", "-c", `echo containerd-shim -id stray -address ${socket}`]],
  ];
  for (const [pid, parent, args] of processes) {
    await mkdir(join(proc, String(pid)), { recursive: true });
    await writeFile(join(proc, String(pid), "cmdline"), `${args.join("\0")}\0`);
    await writeFile(join(proc, String(pid), "stat"), `${pid} (a (b) c) S ${parent} 1 1 0`);
  }
  await mkdir(join(proc, "net"));
  await mkdir(join(proc, "99"));
  await mkdir(join(state, "io.containerd.runtime.v2.task", "k8s.io", "kept"), { recursive: true });
  t.deepEqual(await strayShims({ socket, state }, proc), [{ pid: 11, id: "stray" }]);
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { removeForgotten, strayShims } from "../../../edge-agent/runtimes/containerd/stray-shims.ts";
import { temporaryDirectory } from "../../support/lichen.ts";

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

test("after its sandbox was removed an empty shim ends with its bundle; one that has processes stays", async (t) => {
  const directory = temporaryDirectory(t);
  const paths = { socket: join(directory, "containerd.sock"), state: join(directory, "state"), root: join(directory, "root") };
  const bundle = (id: string) => join(paths.state, "io.containerd.runtime.v2.task", "k8s.io", id);
  const shim = async (id: string, code: string) => {
    await mkdir(bundle(id), { recursive: true });
    const child = spawn(process.execPath, ["-e", `${code};console.log("runs");setInterval(() => {}, 1e6)`, "--", "-namespace", "k8s.io", "-id", id, "-address", paths.socket], { argv0: "containerd-shim-runc-v2", stdio: ["ignore", "pipe", "inherit"] });
    t.teardown(() => void child.kill("SIGKILL"));
    await once(child.stdout, "data");
    return child;
  };
  const empty = await shim("empty", "");
  const busy = await shim("busy", 'const below = require("node:child_process").spawn("sleep", ["60"]); process.on("exit", () => below.kill())');
  const ended = once(empty, "exit");
  for (const id of ["empty", "busy", "neverThere"]) await removeForgotten(id, paths);
  t.deepEqual(await ended, [null, "SIGKILL"]);
  t.false(existsSync(bundle("empty")));
  t.is(busy.exitCode ?? busy.signalCode, null);
  t.true(existsSync(bundle("busy")));
  process.kill(Number((await readFile(`/proc/${busy.pid}/task/${busy.pid}/children`, "utf8")).trim().split(" ")[0]), "SIGKILL");
});

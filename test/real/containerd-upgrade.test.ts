/** containerd is upgraded under a device, from Debian 12's 1.6 to 1.7 and 2: pods run on untouched, new ones start, and nothing is left. */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import type { Node, Pod } from "../../core/api/types.gen.ts";
import { unpackDebian } from "../../scripts/debian.ts";
import { busyboxImage } from "../support/busybox-image.ts";
import { eventually } from "../support/eventually.ts";
import { kubectlFor } from "../support/kubectl.ts";
import { freePort, lichen, temporaryDirectory } from "../support/lichen.ts";

const IMAGE = "registry.lichen.internal/busybox:1";
const NODE = `upgraded-${process.pid}`;
const run = promisify(execFile);
const possible = process.getuid?.() === 0 && existsSync("/usr/bin/containerd");
const serial = possible ? test.serial : test.serial.skip;

/** undefined: what the machine has installed */
const releases = [{ suite: undefined, version: /^containerd:\/\/1\.6\./ }, { suite: "trixie", version: /^containerd:\/\/1\.7\./ }, { suite: "sid", version: /^containerd:\/\/2\./ }] as const;

serial("pods run on while containerd is upgraded under them, and others start on each release (needs root and containerd)", async (t) => {
  const dataDir = temporaryDirectory(t);
  const [serverDir, deviceDir] = [join(dataDir, "server"), join(dataDir, "device")];
  const [port, mqttPort] = [await freePort(), await freePort()];
  await lichen(t, ["server", "--data-dir", serverDir, "--port", String(port), "--mqtt-port", String(mqttPort), "--cluster-cidr", "10.85.0.0/16"]).says(/^ready /);
  writeFileSync(join(dataDir, "busybox.tar"), busyboxImage(IMAGE));
  await lichen(t, ["push", join(dataDir, "busybox.tar"), "busybox:1", "--data-dir", serverDir]).ended;
  const [token = ""] = await lichen(t, ["token", "create", "--data-dir", serverDir]).says(/^[0-9a-f]{64}\..*$/);
  const kubectl = await kubectlFor(join(serverDir, "kubeconfig"));
  const startPod = async (name: string) => {
    await kubectl("run", name, `--image=${IMAGE}`, "--overrides", JSON.stringify({ spec: { terminationGracePeriodSeconds: 0 } }), "--command", "--", "sh", "-c", `echo ${name} began; sleep 3600`);
    await kubectl("wait", "pod", name, "--for=condition=Ready", "--timeout=90s");
  };
  const containers = async () => (await kubectl.json<{ items: readonly Pod[] }>("get", "pods")).items.map(({ metadata, status }) => [metadata.name, status?.containerStatuses?.[0]?.containerID, status?.containerStatuses?.[0]?.restartCount]);

  let before: Awaited<ReturnType<typeof containers>> = [];
  for (const { suite, version } of releases) {
    // runc stays the machine's: that of another release may need another C library
    const programs = suite === undefined ? [] : [join((await unpackDebian(suite, "containerd-alone", ["containerd"])).folder, "usr", "bin")];
    const PATH = [...programs, process.env["PATH"] ?? ""].join(delimiter);
    const last = suite === releases.at(-1)?.suite;
    const agent = lichen(t, ["agent", "--server", `https://127.0.0.1:${port}`, "--name", NODE, "--data-dir", deviceDir, "--runtimes", "containerd", ...(last ? ["--drain-on-exit"] : [])], { LICHEN_TOKEN: token, PATH });
    await agent.says(/^ready/);
    await eventually("the node tells its release", async () => version.test((await kubectl.json<Node>("get", "node", NODE)).status?.nodeInfo?.containerRuntimeVersion ?? ""));
    t.deepEqual(await containers(), before, "no pod was touched");
    for (const [name] of before) t.is(await kubectl("exec", String(name), "--", "cat", "/proc/1/comm"), "sleep\n");
    await startPod(`from-${suite ?? "installed"}`);
    t.is(await kubectl("logs", "from-installed"), "from-installed began\n");
    before = await containers();
    if (last) await kubectl("delete", "pods", "--all", "--now");
    await agent.stop();
  }
  const lines = async (command: string, ...args: readonly string[]) => (await run(command, args)).stdout.split("\n").filter((line) => line.includes(deviceDir));
  t.deepEqual(await lines("ps", "-eo", "pid,args"), []);
  t.deepEqual(await lines("cat", "/proc/mounts"), []);
});

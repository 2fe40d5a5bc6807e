/** Containers on real containerd, with an image made here, and one Deployment that is a container there and a component here. */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import type { Pod } from "../../core/api/types.gen.ts";
import { busyboxImage } from "../support/busybox-image.ts";
import { kubectlVersions } from "../support/components.ts";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { lichen, lichenUp, temporaryDirectory, type Up } from "../support/lichen.ts";

const examples = resolve(import.meta.dirname, "../../examples");
const run = promisify(execFile);
const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
let up: Up;

const possible = process.getuid?.() === 0 && existsSync("/usr/bin/containerd");
const serial = possible ? test.serial : test.serial.skip;

test.before(async () => {
  if (!possible) return;
  const dataDir = temporaryDirectory(whole);
  up = await lichenUp(whole, { devices: ["wasi", "containerd"], dataDir });
  const archive = join(dataDir, "busybox.tar");
  writeFileSync(archive, busyboxImage("registry.lichen.internal/busybox:1"));
  const push = async (...args: readonly string[]) => {
    const { code } = await lichen(whole, ["push", ...args, "--data-dir", up.dataDir]).ended;
    if (code !== 0) throw new Error(`push ${args.join(" ")} failed`);
  };
  await push(archive, "busybox:1");
  await push(archive, "greeter:1");
  await push("--add", join(examples, "components", "hello", "hello.wasm"), "greeter:1");
});

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

const podsOf = async (kubectl: Kubectl, app: string) => (await kubectl.json<{ items: readonly Pod[] }>("get", "pods", "-l", `app=${app}`)).items;
const curl = async (pod: Pod) => (await run("curl", ["-sS", "--fail", "--max-time", "10", `http://${pod.status?.podIP}:8080/`])).stdout;

for (const version of kubectlVersions) {
  serial(`kubectl ${version}: a Deployment of containers from apply to delete (needs root and containerd)`, async (t) => {
    const kubectl = await kubectlFor(up.kubeconfig, version);
    await kubectl("apply", "-f", join(examples, "web.yaml"));
    await kubectl("rollout", "status", "deployment/web", "--timeout=90s");
    const pods = await podsOf(kubectl, "web");
    t.is(pods.length, 2);
    for (const pod of pods) t.is((await curl(pod)).trim(), pod.metadata.name ?? "?");
    t.regex(await kubectl("describe", "pods", "-l", "app=web"), /containerd:\/\//);
    await kubectl("set", "env", "deployment/web", "COLOR=green");
    t.regex(await kubectl("rollout", "status", "deployment/web", "--timeout=90s"), /successfully rolled out/);
    t.regex(await kubectl("rollout", "history", "deployment/web"), /\n2 /);
    await kubectl("rollout", "undo", "deployment/web");
    await kubectl("rollout", "status", "deployment/web", "--timeout=90s");
    await kubectl("delete", "-f", join(examples, "web.yaml"), "--timeout=60s");
    await eventually("all pods are gone", async () => (await podsOf(kubectl, "web")).length === 0);
  });
}

serial("logs of a container, and a container that exits with an error backs off", async (t) => {
  const kubectl = await kubectlFor(up.kubeconfig);
  await kubectl("run", "failing", "--image=registry.lichen.internal/busybox:1", "--command", "--", "sh", "-c", "echo before the end; exit 3");
  await eventually("the pod backs off", async () => {
    const pod = await kubectl.json<Pod>("get", "pod", "failing");
    const status = pod.status?.containerStatuses?.[0];
    return status?.state?.waiting?.reason === "CrashLoopBackOff" && status.lastState?.terminated?.exitCode === 3;
  });
  t.is(await kubectl("logs", "failing"), "before the end\n");
  await kubectl("delete", "pod", "failing", "--now");
});

serial("one Deployment, two forms: a container where there is containerd, a component where there is not", async (t) => {
  const kubectl = await kubectlFor(up.kubeconfig);
  await kubectl("apply", "-f", join(examples, "anywhere.yaml"));
  await kubectl("rollout", "status", "deployment/anywhere", "--timeout=90s");
  const answers = await Promise.all((await podsOf(kubectl, "anywhere")).map(async (pod) => ({ node: pod.spec?.nodeName ?? "", id: pod.status?.containerStatuses?.[0]?.containerID ?? "", text: await curl(pod) })));
  const container = answers.find((answer) => answer.node.endsWith("-containerd"));
  const component = answers.find((answer) => answer.node.endsWith("-wasi"));
  t.regex(container?.text ?? "", /a container/);
  t.regex(container?.id ?? "", /^containerd:\/\//);
  t.regex(component?.text ?? "", /^hello from anywhere-/);
  t.regex(component?.id ?? "", /^wasi:\/\//);
  await kubectl("delete", "-f", join(examples, "anywhere.yaml"), "--timeout=60s");
});

serial("stopping leaves nothing behind", async (t) => {
  await up.program.stop();
  const { stdout: processes } = await run("ps", ["-eo", "pid,args"]);
  t.deepEqual(processes.split("\n").filter((line) => line.includes(up.dataDir)), []);
  const { stdout: mounts } = await run("cat", ["/proc/mounts"]);
  t.deepEqual(mounts.split("\n").filter((line) => line.includes(up.dataDir)), []);
});

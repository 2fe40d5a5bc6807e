/** One suite of what pods need over every containerd that devices come with: 1.6 of Debian 12 (what is installed), 1.7 of Debian 13, 2.1. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import type { Container, Node, Pod, PodSpec, PodStatus } from "../../core/api/types.gen.ts";
import { containerdMissing } from "../../edge-agent/runtimes/containerd/daemon.ts";
import { kubectlProgram } from "../support/components.ts";
import { busyboxImage } from "../support/busybox-image.ts";
import { containerdVersions, withContainerd, type ContainerdVersion } from "../support/debian-layer.ts";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { lichen, lichenUp, temporaryDirectory, type Up } from "../support/lichen.ts";

const IMAGE = "registry.lichen.internal/busybox:1";
const FOREVER = "trap 'echo bye; exit 0' TERM; sleep 3600 & wait";
const run = promisify(execFile);
const missing = await containerdMissing();
const serial = missing === undefined ? test.serial : test.serial.skip;
if (missing !== undefined) test(`skipped: ${missing}`, (t) => t.pass());

const box = (script: string, more: Partial<Container> = {}): Container => ({ name: "main", image: IMAGE, command: ["sh", "-c", script], ...more });

/** What is left of a device on this machine: processes and cgroups; its mounts are in a namespace that ends with it. */
async function traces(dataDir: string, uids: readonly string[]): Promise<readonly string[]> {
  const { stdout: processes } = await run("ps", ["-eo", "args"]);
  const { stdout: groups } = await run("find", ["/sys/fs/cgroup", "-type", "d", "-name", "pod*"]);
  const { stdout: mounts } = await run("cat", ["/proc/mounts"]);
  return [...processes.split("\n"), ...mounts.split("\n")].filter((line) => line.includes(dataDir)).concat(groups.split("\n").filter((line) => uids.some((uid) => line.includes(uid))));
}

function suite(name: string, version: ContainerdVersion | undefined): void {
  const closing: (() => Promise<void> | void)[] = [];
  const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
  const uids: string[] = [];
  let up: Up;
  let kubectl: Kubectl;
  let userNamespaces = false;

  const create = async (pod: string, spec: Partial<PodSpec>, metadata: Pod["metadata"] = {}) => {
    const file = join(up.dataDir, `${pod}.json`);
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name: pod }, spec: { restartPolicy: "Never", terminationGracePeriodSeconds: 5, automountServiceAccountToken: false, ...spec } }));
    await kubectl("apply", "-f", file);
    uids.push((await kubectl.json<Pod>("get", "pod", pod)).metadata.uid ?? "");
  };
  const status = async (pod: string): Promise<PodStatus> => (await kubectl.json<Pod>("get", "pod", pod)).status ?? {};
  const reaches = (pod: string, what: string, holds: (status: PodStatus) => boolean) =>
    eventually(`${pod}: ${what}`, async () => {
      const now = await status(pod);
      return holds(now) && now;
    });
  const ended = ({ phase }: PodStatus) => phase === "Succeeded" || phase === "Failed";

  serial(`${name}: a device starts with it`, async (t) => {
    const within = version === undefined ? undefined : await withContainerd(version);
    up = await lichenUp(whole, { devices: ["containerd"], dataDir: temporaryDirectory(whole), args: ["--cluster-cidr", "10.83.0.0/16"], within });
    const archive = join(up.dataDir, "busybox.tar");
    writeFileSync(archive, busyboxImage(IMAGE));
    await lichen(whole, ["push", archive, "busybox:1", "--data-dir", up.dataDir]).ended;
    kubectl = await kubectlFor(up.kubeconfig);
    const [node] = (await kubectl.json<{ items: readonly Node[] }>("get", "nodes")).items;
    t.regex(node?.status?.nodeInfo?.containerRuntimeVersion ?? "", version === undefined ? /^containerd:\/\/\d/ : new RegExp(`^containerd://${version}\\.`));
    userNamespaces = node?.status?.runtimeHandlers?.find((handler) => handler.name === "")?.features?.userNamespaces === true;
    if (version === "2.1") t.true(userNamespaces);
  });

  serial(`${name}: a pod from its init container to its last word`, async (t) => {
    await create("life", {
      restartPolicy: "OnFailure",
      volumes: [{ name: "d", emptyDir: {} }],
      initContainers: [box("echo from init >/d/f", { name: "init", volumeMounts: [{ name: "d", mountPath: "/d" }] })],
      containers: [box("cat /d/f; [ -e /d/x ] && { echo fine >/dev/termination-log; exit 0; }; touch /d/x; echo first; exit 3", { volumeMounts: [{ name: "d", mountPath: "/d" }] })],
    });
    const { containerStatuses: [main] = [], initContainerStatuses: [init] = [] } = await reaches("life", "has ended", ended);
    t.like(init?.state?.terminated, { exitCode: 0, reason: "Completed" });
    t.like(main?.state?.terminated, { exitCode: 0, reason: "Completed", message: "fine\n" });
    t.is(main?.restartCount, 1);
    t.is(await kubectl("logs", "life"), "from init\n");
    t.is(await kubectl("logs", "life", "--previous"), "from init\nfirst\n");
    const events = await kubectl("get", "events", "--field-selector=involvedObject.name=life", "-o", "jsonpath={.items[*].reason}");
    for (const reason of ["Scheduled", "Pulled", "Created", "Started"]) t.true(events.split(" ").includes(reason), `${reason} in ${events}`);
  });

  serial(`${name}: exec with input, exit code and terminal; logs that follow; figures; other resources`, async (t) => {
    await create("open", { containers: [box(`echo up; ${FOREVER}`, { resources: { limits: { cpu: "200m", memory: "64Mi" } } })] }, { finalizers: ["example.com/look"] });
    await reaches("open", "runs", ({ phase }) => phase === "Running");
    const { stdout } = await run("sh", ["-c", `printf 'abc' | KUBECONFIG="$1" "$2" exec -i open -- sh -c 'cat; echo; id -u'`, "sh", up.kubeconfig, await kubectlProgram("1.36")]);
    t.is(stdout, "abc\n0\n");
    await t.throwsAsync(kubectl("exec", "open", "--", "sh", "-c", "exit 7"), { message: /exit code 7/ });
    await eventually("figures are there", async () => /open\s+\d+m\s+\d+Mi/.test(await kubectl("top", "pods")));
    await kubectl("patch", "pod", "open", "--subresource=resize", "-p", JSON.stringify({ spec: { containers: [{ name: "main", resources: { requests: { cpu: "300m" }, limits: { cpu: "300m" } } }] } }));
    await reaches("open", "has other resources", ({ containerStatuses = [] }) => containerStatuses[0]?.resources?.limits?.["cpu"] === "300m");
    const follow = kubectl("logs", "-f", "open");
    await kubectl("delete", "pod", "open", "--wait=false");
    t.is(await follow, "up\nbye\n");
    t.is((await reaches("open", "has ended", ended)).phase, "Succeeded");
    await kubectl("patch", "pod", "open", "--type=merge", "-p", '{"metadata":{"finalizers":null}}');
  });

  serial(`${name}: out of memory, and an image that is nowhere`, async (t) => {
    await create("greedy", { containers: [box("tail /dev/zero", { resources: { limits: { memory: "16Mi" } } })] });
    await create("none", { containers: [box("true", { image: "127.0.0.1:1/none:1" })] });
    const { containerStatuses: [main] = [] } = await reaches("greedy", "has ended", ended);
    t.like(main?.state?.terminated, { exitCode: 137, reason: "OOMKilled" });
    await reaches("none", "waits", ({ containerStatuses = [] }) => /^(ErrImagePull|ImagePullBackOff)$/.test(containerStatuses[0]?.state?.waiting?.reason ?? ""));
  });

  serial(`${name}: a RuntimeClass for a handler of containerd's, and for one that is nowhere`, async (t) => {
    for (const handler of ["runc", "nowhere"]) {
      const file = join(up.dataDir, `class-${handler}.json`);
      writeFileSync(file, JSON.stringify({ apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name: `by-${handler}` }, handler }));
      await kubectl("apply", "-f", file);
      await create(`by-${handler}`, { runtimeClassName: `by-${handler}`, containers: [box("true")] });
    }
    await create("by-name", { runtimeClassName: "containerd", containers: [box("true")] });
    for (const pod of ["by-runc", "by-name"]) t.is((await reaches(pod, "has ended", ended)).phase, "Succeeded");
    const refusal = /no runtime for "nowhere" is configured|didn't have the runtime "nowhere"/;
    await eventually("the refusal is told", async () => refusal.test(await kubectl("get", "events", "--field-selector=involvedObject.name=by-nowhere")));
    t.is((await status("by-nowhere")).phase, "Pending");
  });

  serial(`${name}: a pod with users of its own where there is such a thing, and why not elsewhere`, async (t) => {
    await create("private", {
      hostUsers: false,
      securityContext: { fsGroup: 2000 },
      volumes: [{ name: "d", emptyDir: {} }, { name: "s", downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } }],
      containers: [box("id -u; cat /proc/self/uid_map; cat /s/name; echo; touch /d/mine; stat -c %u:%g /d/mine; echo x >>/etc/hosts && echo seen >/dev/termination-log; sleep 3600", { volumeMounts: [{ name: "d", mountPath: "/d" }, { name: "s", mountPath: "/s" }] })],
    });
    if (!userNamespaces) {
      await eventually("the refusal is told", async () => (await kubectl("get", "events", "--field-selector=involvedObject.name=private")).includes("runtime does not support user namespaces"));
      t.is((await status("private")).phase, "Pending");
      return;
    }
    await create("other", { hostUsers: false, containers: [box("cat /proc/self/uid_map; sleep 3600")] });
    for (const pod of ["private", "other"]) await reaches(pod, "runs", ({ phase }) => phase === "Running");
    const words = (await eventually("it has written", async () => { const text = await kubectl("logs", "private"); return text.includes("2000") && text; })).split(/\s+/);
    const other = (await eventually("it has written", () => kubectl("logs", "other"))).trim().split(/\s+/);
    t.deepEqual([words[0], words[1], words[3]], ["0", "0", "65536"], "root there, and 65536 users");
    t.true(Number(words[2]) >= 65_536, "nobody of the device");
    t.not(words[2], other[1], "each pod has its own");
    t.deepEqual(words.slice(4, 6), ["private", "0:2000"]);
    t.is(await kubectl("exec", "private", "--", "id", "-u"), "0\n");
  });

  serial(`${name}: stopping leaves nothing`, async (t) => {
    await kubectl("delete", "pods", "--all", "--now");
    await up.program.stop();
    t.deepEqual(await eventually("its processes have ended", async () => { const left = await traces(up.dataDir, uids); return left.length === 0 && left; }), []);
    for (const close of closing.splice(0).toReversed()) await close();
  });

  test.after.always(async () => {
    for (const close of closing.toReversed()) await close();
  });
}

suite("installed", undefined);
for (const version of containerdVersions) suite(`containerd ${version}`, version);

/** What a kubelet does beyond starting containers, on real containerd and through the API: hooks, probes, parts of volumes, debugging, resizing. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import type { Container, Pod, PodSpec, PodStatus } from "../../core/api/types.gen.ts";
import { busyboxImage } from "../support/busybox-image.ts";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { lichen, lichenUp, temporaryDirectory, type Up } from "../support/lichen.ts";

const IMAGE = "registry.lichen.internal/busybox:1";
const run = promisify(execFile);
const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
let up: Up;
let kubectl: Kubectl;
let left: Leavings;

const possible = process.getuid?.() === 0 && existsSync("/usr/bin/containerd");
const serial = possible ? test.serial : test.serial.skip;

/** What a device must not leave behind on its host; network namespaces are mounts in its directory. */
interface Leavings {
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
  readonly cgroups: readonly string[];
}
const uids: string[] = [];

async function leavings(dataDir: string): Promise<Leavings> {
  const lines = async (command: string, ...args: string[]) => (await run(command, args)).stdout.split("\n");
  return {
    processes: (await lines("ps", "-eo", "args")).filter((line) => line.includes(dataDir)),
    mounts: (await lines("cat", "/proc/mounts")).filter((line) => line.includes(dataDir)),
    cgroups: (await lines("find", "/sys/fs/cgroup", "-type", "d", "-name", "pod*")).filter((line) => uids.some((uid) => line.includes(uid))),
  };
}

test.before(async () => {
  if (!possible) return;
  const dataDir = temporaryDirectory(whole);
  left = await leavings(dataDir);
  up = await lichenUp(whole, { devices: ["containerd"], dataDir });
  const archive = join(dataDir, "busybox.tar");
  writeFileSync(archive, busyboxImage(IMAGE));
  const { code } = await lichen(whole, ["push", archive, "busybox:1", "--data-dir", dataDir]).ended;
  if (code !== 0) throw new Error("push failed");
  kubectl = await kubectlFor(up.kubeconfig);
});

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

const box = (script: string, more: Partial<Container> = {}): Container => ({ name: "main", image: IMAGE, command: ["sh", "-c", script], ...more });
const FOREVER = "trap 'exit 0' TERM; sleep 3600 & wait";

async function create(name: string, spec: Partial<PodSpec>, metadata: Pod["metadata"] = {}): Promise<void> {
  const file = join(up.dataDir, `${name}.json`);
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name }, spec: { restartPolicy: "Never", terminationGracePeriodSeconds: 10, automountServiceAccountToken: false, ...spec } }));
  await kubectl("apply", "-f", file);
  uids.push((await kubectl.json<Pod>("get", "pod", name)).metadata.uid ?? "");
}
const status = async (name: string): Promise<PodStatus> => (await kubectl.json<Pod>("get", "pod", name)).status ?? {};
const reaches = (name: string, what: string, holds: (status: PodStatus) => boolean) => eventually(`${name}: ${what}`, async () => holds(await status(name)));
const ended = ({ phase }: PodStatus) => phase === "Succeeded" || phase === "Failed";
const ready = ({ conditions = [] }: PodStatus) => conditions.some(({ type, status: value }) => type === "Ready" && value === "True");

serial("hooks run in the container, before the next one and before the signal", async (t) => {
  await create("hooks", {
    volumes: [{ name: "d", emptyDir: {} }],
    containers: [
      box("trap 'echo term >>/d/log; exit 0' TERM; sleep 3600 & wait", {
        volumeMounts: [{ name: "d", mountPath: "/d" }],
        lifecycle: { postStart: { exec: { command: ["sh", "-c", "sleep 1; echo hook >>/d/log"] } }, preStop: { exec: { command: ["sh", "-c", "echo stop >>/d/log"] } } },
      }),
      box("echo next >>/d/log; while ! grep -q term /d/log; do sleep 0.2; done; cat /d/log >/dev/termination-log", { name: "next", volumeMounts: [{ name: "d", mountPath: "/d" }] }),
    ],
  }, { finalizers: ["example.com/look"] });
  await reaches("hooks", "is ready", ready);
  await kubectl("delete", "pod", "hooks", "--wait=false");
  await reaches("hooks", "has ended", ended);
  const { containerStatuses = [] } = await status("hooks");
  t.is(containerStatuses[1]?.state?.terminated?.message, "hook\nnext\nstop\nterm\n");
  await kubectl("patch", "pod", "hooks", "--type=merge", "-p", '{"metadata":{"finalizers":null}}');
});

serial("probes over HTTP and by command decide readiness and restarts", async (t) => {
  await create("probed", {
    restartPolicy: "Always",
    containers: [
      box("mkdir /w; [ -e /d/second ] && echo ok >/w/ok; touch /d/second; exec httpd -f -p 8080 -h /w", {
        ports: [{ name: "web", containerPort: 8080 }],
        volumeMounts: [{ name: "d", mountPath: "/d" }],
        startupProbe: { tcpSocket: { port: "web" }, periodSeconds: 1, failureThreshold: 30 },
        livenessProbe: { exec: { command: ["test", "-e", "/w/ok"] }, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 1 },
        readinessProbe: { httpGet: { path: "/ok", port: "web" }, periodSeconds: 1 },
      }),
    ],
    volumes: [{ name: "d", emptyDir: {} }],
  });
  await reaches("probed", "is ready", ready);
  t.like((await status("probed")).containerStatuses?.[0], { restartCount: 1, ready: true, started: true });
  t.regex(await kubectl("get", "events"), /Liveness probe failed/);
  await kubectl("delete", "pod", "probed", "--wait=false");
});

serial("a part of a volume is mounted as it was, and a link out of the volume is refused", async (t) => {
  await create("parts", {
    volumes: [{ name: "d", emptyDir: {} }],
    initContainers: [box("mkdir /d/inside; echo data >/d/inside/file; ln -s /etc /d/escape; ln -s inside /d/link", { name: "init", volumeMounts: [{ name: "d", mountPath: "/d" }] })],
    containers: [
      box("cat /file /in/file >/dev/termination-log; stat -c %a /new >>/dev/termination-log", {
        volumeMounts: [{ name: "d", mountPath: "/file", subPath: "inside/file" }, { name: "d", mountPath: "/in", subPath: "link" }, { name: "d", mountPath: "/new", subPath: "new/er" }],
      }),
      box("cat /host/hostname", { name: "thief", volumeMounts: [{ name: "d", mountPath: "/host", subPath: "escape" }] }),
    ],
  });
  await reaches("parts", "tells", ({ containerStatuses = [] }) => containerStatuses[0]?.state?.terminated !== undefined && containerStatuses[1]?.state?.waiting?.reason === "CreateContainerConfigError");
  const { containerStatuses = [] } = await status("parts");
  t.is(containerStatuses[0]?.state?.terminated?.message, "data\ndata\n777\n");
  t.is(containerStatuses[1]?.state?.waiting?.message, 'failed to prepare subPath for volumeMount "d" of container "thief"');
  await kubectl("delete", "pod", "parts", "--wait=false");
});

serial("an image is a volume, whole and in part, and nobody writes to it", async (t) => {
  await create("image-volume", {
    volumes: [{ name: "image", image: { reference: IMAGE } }, { name: "absent", image: { reference: "registry.lichen.internal/absent:1" } }],
    containers: [
      box("(ls /image/bin/busybox; head -n 1 /passwd; touch /image/x || echo refused) >/dev/termination-log 2>/dev/null; true", {
        volumeMounts: [{ name: "image", mountPath: "/image" }, { name: "image", mountPath: "/passwd", subPath: "etc/passwd" }],
      }),
      box("true", { name: "waits", volumeMounts: [{ name: "absent", mountPath: "/image" }] }),
    ],
  });
  await reaches("image-volume", "tells", ({ containerStatuses = [] }) => containerStatuses[0]?.state?.terminated !== undefined && /ErrImagePull|ImagePullBackOff/.test(containerStatuses[1]?.state?.waiting?.reason ?? ""));
  t.is((await status("image-volume")).containerStatuses?.[0]?.state?.terminated?.message, "/image/bin/busybox\nroot:x:0:0:root:/root:/bin/sh\nrefused\n");
  const refused = await t.throwsAsync(kubectl("exec", "image-volume", "-c", "main", "--", "true"));
  t.regex(refused?.message ?? "", /container not found \("main"\)/, "a container that has ended is refused before the connection becomes a stream");
  await kubectl("delete", "pod", "image-volume", "--wait=false");
});

serial("a container for debugging sees the processes of another; resources change in place", async (t) => {
  await create("open", { containers: [box(FOREVER, { resources: { requests: { cpu: "100m", memory: "32Mi" }, limits: { cpu: "200m", memory: "64Mi" } } })] });
  await reaches("open", "is ready", ready);
  await kubectl("debug", "open", `--image=${IMAGE}`, "--target=main", "--container=debug", "--profile=general", "--", "sh", "-c", "ps | grep -q '[s]leep 3600' && echo seen >/dev/termination-log");
  await reaches("open", "debugged", ({ ephemeralContainerStatuses = [] }) => ephemeralContainerStatuses[0]?.state?.terminated !== undefined);
  t.like((await status("open")).ephemeralContainerStatuses?.[0]?.state?.terminated, { exitCode: 0, message: "seen\n" });
  await kubectl("patch", "pod", "open", "--subresource=resize", "-p", JSON.stringify({ spec: { containers: [{ name: "main", resources: { requests: { cpu: "150m" }, limits: { cpu: "300m" } } }] } }));
  await reaches("open", "resized", ({ containerStatuses = [] }) => containerStatuses[0]?.resources?.limits?.["cpu"] === "300m");
  t.is((await status("open")).containerStatuses?.[0]?.restartCount, 0);
  const quota = await kubectl("exec", "open", "-c", "main", "--", "sh", "-c", "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cat /sys/fs/cgroup/cpu.max");
  t.regex(quota, /^30000\b/);
  await kubectl("delete", "pod", "open", "--wait=false");
});

serial("a pod from a file of the device runs without the API having asked for it", async (t) => {
  const devices = join(up.dataDir, "devices", "containerd");
  await run("mkdir", ["-p", join(devices, "manifests")]);
  writeFileSync(join(devices, "manifests", "static.yaml"), `apiVersion: v1\nkind: Pod\nmetadata: {name: static}\nspec:\n  terminationGracePeriodSeconds: 1\n  containers:\n  - {name: main, image: "${IMAGE}", command: [sh, -c, "echo from a file; sleep 3600"]}\n`);
  await eventually("its log is written", async () => {
    const logs = join(devices, "logs");
    const directory = existsSync(logs) ? readdirSync(logs).find((name) => name.startsWith("default_static-")) : undefined;
    return directory !== undefined && existsSync(join(logs, directory, "main", "0.log"));
  });
  t.pass();
});

serial("stopping leaves no process, mount or cgroup", async (t) => {
  const pods = () => kubectl.json<{ items: readonly Pod[] }>("get", "pods");
  await eventually("ordinary pods are gone", async () => (await pods()).items.every((pod) => !ended(pod.status ?? {}) && pod.metadata.deletionTimestamp === undefined));
  await up.program.stop();
  t.deepEqual(await leavings(up.dataDir), left);
});

/**
 * The agent with real containers: private containerd, images made here, no server. Needs root and containerd; everything
 * lives in a temporary directory and is gone afterwards.
 */
import test from "ava";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../core/api/clock.ts";
import { silentLog } from "../../core/api/log.ts";
import type { AnyObject } from "../../core/api/meta.ts";
import type { Container, PodStatus } from "../../core/api/types.gen.ts";
import { CHANNEL, type LogOptions } from "../../core/api/streams.ts";
import { startAgent, type Agent } from "../../edge-agent/agent.ts";
import { memoryFile, openDesired, type Desired } from "../../edge-agent/desired.ts";
import { eventBuffer } from "../../edge-agent/events.ts";
import { observer } from "../../edge-agent/observe.ts";
import { podDirectories } from "../../edge-agent/pod-directories.ts";
import { diskPodFiles } from "../../edge-agent/pod-files.ts";
import { newReport } from "../../edge-agent/report.ts";
import { type Cgroups, cgroups } from "../../edge-agent/runtimes/containerd/cgroups.ts";
import { containerdRuntime } from "../../edge-agent/runtimes/containerd/containerd.ts";
import { containerdMissing, startContainerd, type Containerd } from "../../edge-agent/runtimes/containerd/daemon.ts";
import { ociArchive } from "../../edge-agent/runtimes/containerd/oci-archive.ts";
import type { Runtime } from "../../edge-agent/runtimes/runtime.ts";
import { slots } from "../../edge-agent/slots.ts";
import { serveLogs } from "../../edge-agent/streams/logs.ts";
import { terminationMessages } from "../../edge-agent/termination-message.ts";
import { linuxMounter } from "../../edge-agent/volumes/mounts.ts";
import { volumes } from "../../edge-agent/volumes/volumes.ts";
import { deleted, pod, type TestPod } from "../edge-agent/support/pods.ts";

const IMAGE = "registry.lichen.internal/test/busybox:1";
const APPLETS = ["sh", "sleep", "cat", "echo", "id", "stat", "httpd", "seq", "env", "ls", "trap", "mount", "grep", "true"];
const TIMEOUT_MS = 60_000;

const missing = (await containerdMissing()) ?? (existsSync("/bin/busybox") ? undefined : "busybox is not installed (apt-get install busybox-static)");
const real = missing === undefined ? test.serial : test.serial.skip;
if (missing !== undefined) test(`skipped: ${missing}`, (t) => t.pass());

interface Device {
  readonly dataDir: string;
  readonly daemon: Containerd;
  readonly runtime: Runtime;
  readonly desired: Desired;
  readonly agent: Agent;
  readonly happened: () => readonly string[];
}

let device: Device;
const DEVICE_NAME = `test-${process.pid}`;
let tree: Cgroups;
/** AVA ends tests by the process; timers of the agent do not hold it. */
const alive = setInterval(() => {}, 1 << 30);

function busybox(): Buffer {
  return ociArchive({
    reference: IMAGE,
    config: { Env: ["PATH=/bin"], Cmd: ["sh"] },
    platforms: [{
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      files: [
        ...["bin/", "tmp/", "etc/", "proc/", "sys/", "dev/", "www/"].map((path) => ({ path, kind: "directory" as const, mode: path === "tmp/" ? 0o1777 : 0o755 })),
        { path: "bin/busybox", data: readFileSync("/bin/busybox"), mode: 0o755 },
        { path: "etc/passwd", data: Buffer.from("root:x:0:0:root:/:/bin/sh\n") },
        { path: "www/index.html", data: Buffer.from("page\n") },
        ...APPLETS.map((name) => ({ path: `bin/${name}`, kind: "symlink" as const, target: "busybox" })),
      ],
    }],
  });
}

async function startDevice(dataDir: string, file = memoryFile()): Promise<Device> {
  const daemon = await startContainerd({ dataDir, log: silentLog, clock: systemClock });
  await daemon.setPodCidr("10.88.213.0/24");
  tree = await cgroups({ clock: systemClock, root: `/lichen/${DEVICE_NAME}/kubepods`, allocatable: {} });
  await tree.ensureDevice();
  const runtime = containerdRuntime({ socket: daemon.socket, device: DEVICE_NAME, cgroups: tree, pipes: join(dataDir, "exec"), seccompRoot: join(dataDir, "seccomp"), memoryBytes: 2 ** 32, clock: systemClock, log: silentLog, revive: daemon.ensureRunning });
  const desired = await openDesired(file, silentLog);
  const directories = podDirectories(dataDir);
  const events = eventBuffer(systemClock);
  const happened: string[] = [];
  const agent = startAgent({
    device: {
      nodeName: DEVICE_NAME, clock: systemClock, log: silentLog, events, objects: desired,
      volumes: volumes({ directories, objects: desired, mounter: linuxMounter, token: async () => "the-token", tokenRound: () => "" }),
      files: diskPodFiles(directories), pulls: slots(2), starts: slots(4), removals: slots(4),
      hostIPs: () => ["192.0.2.1"], allocatable: () => ({ cpu: "2", memory: "1Gi" }),
      clusterDns: () => ({ servers: ["10.96.0.10"], domain: "cluster.local" }),
      hostDns: async () => ({ servers: ["192.0.2.53"], searches: [], options: [] }),
      hostsFile: async () => "",
    },
    desired, observer: observer([runtime], silentLog, terminationMessages(directories, desired.pod)), report: newReport(), runtimes: [runtime], chooseRuntime: () => runtime,
  });
  await agent.wake();
  return {
    dataDir, daemon, runtime, desired, agent,
    happened() {
      happened.push(...events.take().map(({ reason, message }) => `${reason}: ${message}`));
      return happened;
    },
  };
}

test.before(async () => {
  if (missing !== undefined) return;
  const dataDir = await mkdtemp(join(tmpdir(), "lichen-real-"));
  device = await startDevice(dataDir);
  const archive = join(dataDir, "busybox.tar");
  await writeFile(archive, busybox());
  await device.daemon.importImage(archive);
});

test.after.always(async () => {
  if (missing !== undefined || device === undefined) return clearInterval(alive);
  await device.agent.close();
  for (const { sandboxId, uid } of await device.runtime.pods()) {
    await device.runtime.removeSandbox(sandboxId);
    await device.runtime.forgetPod?.(uid);
  }
  await device.runtime.close?.();
  await device.daemon.stop();
  await linuxMounter.unmountBelow(device.dataDir);
  await tree.removeDevice();
  await rm(device.dataDir, { recursive: true, force: true });
  clearInterval(alive);
});

function box(name: string, script: string, more: Partial<Container> = {}): Container {
  return { name, image: IMAGE, imagePullPolicy: "IfNotPresent", command: ["sh", "-c", script], ...more };
}

async function until<T>(look: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  const end = Date.now() + TIMEOUT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`not within ${TIMEOUT_MS} ms: ${what}; ${device.happened().join(" | ")}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const put = (...objects: AnyObject[]) => device.desired.apply({ full: false, put: objects, drop: [] });
const reaches = (of: TestPod, holds: (status: PodStatus) => boolean, what: string) =>
  until(() => {
    const status = device.agent.status(of.metadata.uid ?? "");
    return status !== undefined && holds(status) ? status : undefined;
  }, `${of.metadata.name} ${what}`);

async function logsOf(of: TestPod, container: string, options: LogOptions = {}, attempt = 0): Promise<string> {
  const directories = podDirectories(device.dataDir);
  const path = directories.log({ namespace: "default", name: of.metadata.name ?? "", uid: of.metadata.uid ?? "" }, container, attempt);
  let text = "";
  await serveLogs({ path, alive: () => false }, options, { send: async ({ channel, data }) => void (channel === CHANNEL.stdout && (text += Buffer.from(data).toString())) }, systemClock, new AbortController().signal);
  return text;
}

async function remove(of: TestPod, grace = 1): Promise<void> {
  await put(deleted(of, grace));
  await until(async () => ((await device.runtime.pods()).some(({ uid }) => uid === of.metadata.uid) ? undefined : true), `${of.metadata.name} gone`);
  await device.desired.apply({ full: false, put: [], drop: [["v1/pods", "default", of.metadata.name ?? ""]] });
}

real("environment, volumes, hosts file, exit code and termination message of a finished pod", async (t) => {
  await put(
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "default", uid: "c", resourceVersion: "1" }, data: { k: "from-config" } },
    { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "default", uid: "s", resourceVersion: "1" }, data: { k: Buffer.from("from-secret").toString("base64") } },
  );
  const job = pod("job", {
    restartPolicy: "Never",
    volumes: [{ name: "c", configMap: { name: "c" } }, { name: "s", secret: { secretName: "s" } }, { name: "e", emptyDir: {} }, { name: "t", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } }],
    initContainers: [box("init", "echo from-init >/e/f", { volumeMounts: [{ name: "e", mountPath: "/e" }] })],
    containers: [box("main", "echo $A $B; cat /c/k /s/k; echo; cat /e/f /t/token; echo; cat /etc/hosts | grep job; echo oops >&2; echo bye >/dev/termination-log; exit 3", {
      env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } }, { name: "B", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
      volumeMounts: [{ name: "c", mountPath: "/c" }, { name: "s", mountPath: "/s" }, { name: "e", mountPath: "/e" }, { name: "t", mountPath: "/t" }],
    })],
  });
  await put(job);
  const status = await reaches(job, ({ phase, conditions }) => phase === "Failed" && conditions?.some(({ type, status: value }) => type === "PodReadyToStartContainers" && value === "False") === true, "Failed");
  const [main] = status.containerStatuses ?? [];
  t.like(main?.state?.terminated, { exitCode: 3, reason: "Error", message: "bye\n" });
  const ip = status.podIP ?? "";
  t.regex(ip, /^10\.88\.213\.\d+$/);
  t.is(await logsOf(job, "main", { stream: "Stdout" }), `from-config ${ip}\nfrom-configfrom-secret\nfrom-init\nthe-token\n${ip}\tjob\n`);
  t.is(await logsOf(job, "main", { stream: "Stderr" }), "oops\n");
  await remove(job);
  await until(() => (existsSync(join(device.dataDir, "pods", job.metadata.uid ?? "")) ? undefined : true), "directory removed");
  const left = readdirSync("/sys/fs/cgroup").flatMap((name) => (existsSync(`/sys/fs/cgroup/${name}${tree.root}/besteffort/pod${job.metadata.uid}`) ? [name] : []));
  t.deepEqual(left, [], "no cgroup is left");
});

real("a pod serves HTTP at its address and at a host port, and survives agent and containerd", async (t) => {
  const web = pod("web", { containers: [box("main", "exec httpd -f -p 8080 -h /www", { ports: [{ containerPort: 8080, hostPort: 18_099 }], resources: { limits: { cpu: "200m", memory: "32Mi" } } })] });
  await put(web);
  const status = await reaches(web, ({ phase }) => phase === "Running", "Running");
  await until(() => fetchText(`http://${status.podIP}:8080/`).catch(() => undefined), "the page");
  t.is(await fetchText(`http://${status.podIP}:8080/`), "page\n");
  t.is(status.qosClass, "Guaranteed");
  const id = status.containerStatuses?.[0]?.containerID;

  await device.agent.close();
  await device.runtime.close?.();
  await device.daemon.stop();
  t.is(await fetchText(`http://${status.podIP}:8080/`), "page\n", "pods run on without containerd");
  device = await startDevice(device.dataDir, memoryFile([web]));
  const again = await reaches(web, ({ phase }) => phase === "Running", "Running again");
  t.is(again.containerStatuses?.[0]?.containerID, id);
  t.is(again.containerStatuses?.[0]?.restartCount, 0);
  await remove(web);
  t.false(existsSync(join(device.dataDir, "containerd", "ipam", "lichen", status.podIP ?? "")), "the address is free again");
});

real("a killed container restarts with its volume, and logs --previous finds the old log", async (t) => {
  const script = "echo run; [ -e /d/x ] && exec sleep 3600; echo x >/d/x; exit 1";
  const again = pod("again", { volumes: [{ name: "d", emptyDir: {} }], terminationGracePeriodSeconds: 1, containers: [box("main", script, { volumeMounts: [{ name: "d", mountPath: "/d" }] })] });
  await put(again);
  const status = await reaches(again, ({ containerStatuses }) => containerStatuses?.[0]?.restartCount === 1 && containerStatuses[0].state?.running !== undefined, "restarted");
  t.like(status.containerStatuses?.[0]?.lastState?.terminated, { exitCode: 1, reason: "Error" });
  t.is(await logsOf(again, "main", {}, 0), "run\n");
  await remove(again);
});

real("security context: user, groups, dropped capabilities, read-only root", async (t) => {
  const secured = pod("secured", {
    restartPolicy: "Never",
    securityContext: { runAsUser: 1000, runAsGroup: 3000, fsGroup: 2000 },
    volumes: [{ name: "d", emptyDir: {} }],
    containers: [box("main", "id -u; id -G; stat -c %g /d; echo x >/y || echo read-only; grep CapBnd /proc/self/status; grep NoNewPrivs /proc/self/status; ls /proc | grep -c '^[0-9]*$'", {
      securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
      volumeMounts: [{ name: "d", mountPath: "/d" }],
    })],
  });
  await put(secured);
  await reaches(secured, ({ phase }) => phase === "Succeeded" || phase === "Failed", "ended");
  const lines = (await logsOf(secured, "main", { stream: "Stdout" })).split("\n");
  t.deepEqual(lines.slice(0, 6), ["1000", "3000 2000", "2000", "read-only", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"]);
  t.true(Number(lines[6]) < 5, "its own process namespace");
  await remove(secured);
});

real("an image that is nowhere is ErrImagePull in containerd's words", async (t) => {
  const none = pod("none", { containers: [box("main", "true", { image: "127.0.0.1:1/none:1" })] });
  await put(none);
  const status = await reaches(none, ({ containerStatuses }) => /^(ErrImagePull|ImagePullBackOff)$/.test(containerStatuses?.[0]?.state?.waiting?.reason ?? ""), "ErrImagePull");
  t.regex(status.containerStatuses?.[0]?.state?.waiting?.message ?? "", /failed to do request|connection refused/);
  await remove(none);
});

real("exec: streams apart, exit code, closed stdin, terminal", async (t) => {
  const shell = pod("shell", { terminationGracePeriodSeconds: 1, containers: [box("main", "exec sleep 3600", { env: [{ name: "A", value: "from-spec" }] })] });
  await put(shell);
  await reaches(shell, ({ phase }) => phase === "Running", "Running");
  const id = (await device.runtime.pods()).find(({ uid }) => uid === shell.metadata.uid)?.containers[0]?.id ?? "";
  const run = async (command: readonly string[], { tty = false, input }: { readonly tty?: boolean; readonly input?: string } = {}) => {
    const session = await device.runtime.exec?.(id, { command, tty, stdin: input !== undefined });
    if (session === undefined) throw new Error("the runtime has no exec");
    const text = async (source: AsyncIterable<Uint8Array>) => {
      let all = "";
      for await (const data of source) all += Buffer.from(data).toString();
      return all;
    };
    const reading = Promise.all([text(session.stdout), text(session.stderr)]);
    if (input !== undefined) {
      await session.write(Buffer.from(input));
      await session.closeStdin();
    }
    const [stdout, stderr] = await reading;
    const exitCode = await session.exitCode;
    await session.close();
    return { stdout, stderr, exitCode };
  };
  t.deepEqual(await run(["sh", "-c", "echo $A; echo err >&2; exit 7"]), { stdout: "from-spec\n", stderr: "err\n", exitCode: 7 });
  t.deepEqual(await run(["cat"], { input: "abc".repeat(100_000) }), { stdout: "abc".repeat(100_000), stderr: "", exitCode: 0 }, "stdin closes, output stays whole");
  t.is((await run(["sh", "-c", "[ -t 1 ] && echo terminal"], { tty: true })).stdout, "terminal\r\n");
  await t.throwsAsync(run(["/no/such/program"]), { message: /no such file/ });
  await remove(shell);
});

real("termination signal first, kill after the grace period", async (t) => {
  const polite = pod("polite", { restartPolicy: "Never", containers: [box("main", "trap 'echo term; exit 0' TERM; echo ready; while true; do sleep 1; done")] });
  await put(polite);
  await reaches(polite, ({ phase }) => phase === "Running", "Running");
  await until(async () => ((await logsOf(polite, "main")).includes("ready") ? true : undefined), "the trap");
  await put(deleted(polite, 20));
  const status = await reaches(polite, ({ phase }) => phase === "Succeeded" || phase === "Failed", "ended");
  t.is(status.phase, "Succeeded");
  await until(async () => ((await device.runtime.pods()).some(({ uid }) => uid === polite.metadata.uid) ? undefined : true), "gone");
  await until(() => (existsSync(join(device.dataDir, "pods", polite.metadata.uid ?? "")) ? undefined : true), "directory removed");
});

function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = get(url, { timeout: 2000, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk)).on("end", () => resolve(text)).on("error", reject);
    });
    sent.on("timeout", () => sent.destroy(new Error("timeout"))).on("error", reject);
  });
}


/** Streams to containers with real kubectl: exec, attach, cp, port-forward, and what they do to a device on a thin line. */
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import test from "ava";
import type { Node, Pod } from "../../core/api/types.gen.ts";
import { busyboxImage } from "../support/busybox-image.ts";
import { kubectlProgram, kubectlVersions } from "../support/components.ts";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { freePort, lichen, lichenUp, temporaryDirectory, type Up } from "../support/lichen.ts";
import { type Program, startProgram } from "../support/program.ts";
import { thinLink, type ThinLink } from "../support/thin-link.ts";

const IMAGE = "registry.lichen.internal/busybox:1";
const MEBIBYTE = 2 ** 20;
const possible = process.getuid?.() === 0 && existsSync("/usr/bin/containerd");
const serial = possible ? test.serial : test.serial.skip;
const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
let up: Up;

const server = (script: string) => ["--image", IMAGE, "--restart=Never", "--command", "--", "sh", "-c", script];
const ready = (kubectl: Kubectl, name: string) => kubectl("wait", "pod", name, "--for=condition=Ready", "--timeout=60s");

/** kubectl with something on its standard input. */
async function kubectlWith(input: string | Buffer, kubeconfig: string, version: "1.32" | "1.36", args: readonly string[]): Promise<{ readonly out: string; readonly code: number | null }> {
  const child = spawn(await kubectlProgram(version), args, { env: environment(kubeconfig), stdio: ["pipe", "pipe", "ignore"] });
  const parts: Buffer[] = [];
  child.stdout.on("data", (data: Buffer) => parts.push(data));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { out: Buffer.concat(parts).toString(), code };
}

const environment = (kubeconfig = up.kubeconfig) => ({ ...process.env, KUBECONFIG: kubeconfig, HOME: "/nonexistent" });

/** kubectl in a terminal of 33 rows and 101 columns, with somebody at the keyboard. */
async function typed(keys: string, version: "1.32" | "1.36", args: readonly string[]): Promise<{ readonly out: string; readonly code: number | null }> {
  const words = [await kubectlProgram(version), ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qec", `stty rows 33 cols 101; ${words}`, "/dev/null"], { env: environment(), stdio: ["pipe", "pipe", "ignore"] });
  let out = "";
  child.stdout.on("data", (data: Buffer) => (out += data.toString()));
  child.stdin.on("error", () => {});
  // the pipe stays open: the end of script's input would be the end of the terminal
  child.stdin.write(keys);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  child.stdin.destroy();
  return { out, code };
}

async function forward(t: { teardown(end: () => Promise<void>): void }, kubeconfig: string, version: "1.32" | "1.36", args: readonly string[]): Promise<{ readonly port: number; readonly program: Program }> {
  const program = startProgram({ command: await kubectlProgram(version), args: ["port-forward", ...args], env: environment(kubeconfig) });
  t.teardown(() => program.stop());
  const [, port = "0"] = await program.says(/^Forwarding from 127\.0\.0\.1:(\d+)/);
  return { port: Number(port), program };
}

/** Sends `data`, ends, and returns the digest of what comes back. */
function exchange(port: number, data: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const digest = createHash("sha256");
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    socket.on("data", (chunk) => void digest.update(chunk)).on("end", () => resolve(digest.digest("hex"))).on("error", reject);
    socket.end(data);
  });
}

test.before(async () => {
  if (!possible) return;
  up = await lichenUp(whole, { devices: ["containerd"], dataDir: temporaryDirectory(whole), args: ["--cluster-cidr", "10.79.0.0/16"] });
  await pushBusybox(up.dataDir);
  const kubectl = await kubectlFor(up.kubeconfig);
  await kubectl("run", "box", ...server("mkdir /w; echo only here > /w/i; httpd -p 127.0.0.1:8081 -h /w; sleep 3600"));
  await ready(kubectl, "box");
});

async function pushBusybox(dataDir: string): Promise<void> {
  const archive = join(dataDir, "busybox.tar");
  writeFileSync(archive, busyboxImage(IMAGE));
  const { code } = await lichen(whole, ["push", archive, "busybox:1", "--data-dir", dataDir]).ended;
  if (code !== 0) throw new Error("push failed");
}

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

for (const version of kubectlVersions) {
  serial(`kubectl ${version}: the input of exec ends before its output`, async (t) => {
    const { out, code } = await kubectlWith("abc\n", up.kubeconfig, version, ["exec", "-i", "box", "--", "sh", "-c", "cat; echo all read; exit 7"]);
    t.is(out, "abc\nall read\n");
    t.is(code, 7);
  });

  serial(`kubectl ${version}: run -i attaches, hands over its input and sees the end`, async (t) => {
    const { out } = await kubectlWith("3\n4\n", up.kubeconfig, version, ["run", `adder-${version.replace(".", "-")}`, "-i", "--rm", "--quiet", ...server("s=0; while read n; do s=$((s+n)); done; sleep 1; echo sum $s")]);
    t.regex(out, /sum 7/);
  });

  serial(`kubectl ${version}: cp brings a file there and back unchanged`, async (t) => {
    const directory = temporaryDirectory(t);
    mkdirSync(join(directory, "back"));
    const data = randomBytes(3 * MEBIBYTE);
    writeFileSync(join(directory, "data"), data);
    const kubectl = await kubectlFor(up.kubeconfig, version);
    await kubectl("cp", join(directory, "data"), `box:/tmp/data-${version}`);
    await kubectl("cp", `box:/tmp/data-${version}`, join(directory, "back", "data"));
    t.true(readFileSync(join(directory, "back", "data")).equals(data));
  });

  serial(`kubectl ${version}: port-forward reaches what listens on the pod's loopback alone, and names a port where nobody does`, async (t) => {
    const { port, program } = await forward(t, up.kubeconfig, version, ["pod/box", ":8081"]);
    t.is(await (await fetch(`http://127.0.0.1:${port}/i`)).text(), "only here\n");
    const nobody = await forward(t, up.kubeconfig, version, ["pod/box", ":9"]);
    await t.throwsAsync(fetch(`http://127.0.0.1:${nobody.port}/`));
    await eventually("kubectl tells why", () => /connect ECONNREFUSED|error forwarding port 9/.test(nobody.program.output()));
    t.false(program.output().includes("lost connection"));
  });

  serial(`kubectl ${version}: a terminal has the size that was asked for, and a shell in it reads what is typed`, async (t) => {
    const { out, code } = await typed("stty size; echo $((6*7))\nexit 5\n", version, ["exec", "-it", "box", "--", "sh"]);
    t.regex(out, /33 101/);
    t.regex(out, /^42\r?$/m);
    t.is(code, 5);
  });

  serial(`kubectl ${version}: attach joins the terminal of a program that waits for input`, async (t) => {
    const name = `asks-${version.replace(".", "-")}`;
    const kubectl = await kubectlFor(up.kubeconfig, version);
    await kubectl("run", name, "--stdin", "--tty", "--attach=false", ...server("read line; echo heard $line; i=0; until [ \"$(stty size)\" = '33 101' ] || [ $i = 50 ]; do i=$((i+1)); sleep 0.1; done; stty size"));
    await ready(kubectl, name);
    const { out } = await typed("something\n", version, ["attach", "-it", name]);
    t.regex(out, /heard something/);
    t.regex(out, /33 101/);
    t.regex(await kubectl("logs", name), /heard something/);
  });

  serial(`kubectl ${version}: logs -f shows each line when it is written and ends with the container`, async (t) => {
    const name = `talks-${version.replace(".", "-")}`;
    const kubectl = await kubectlFor(up.kubeconfig, version);
    await kubectl("run", name, ...server("echo first; while [ ! -e /tmp/go ]; do sleep 0.2; done; echo second; sleep 1; echo third"));
    await ready(kubectl, name);
    const program = startProgram({ command: await kubectlProgram(version), args: ["logs", "-f", name], env: environment() });
    t.teardown(() => program.stop());
    await program.says(/^first$/);
    t.false(program.output().includes("second"));
    await kubectl("exec", name, "--", "touch", "/tmp/go");
    await program.says(/^second$/);
    t.deepEqual(await program.ended, { code: 0, signal: null });
    t.is(program.output(), "first\nsecond\nthird");
  });

  serial(`kubectl ${version}: debug puts a container beside another, sees its processes and takes input`, async (t) => {
    const name = `debug-${version.replace(".", "-")}`;
    const { out } = await kubectlWith("sleep 3600\n", up.kubeconfig, version, ["debug", "-i", "box", `--image=${IMAGE}`, "--target=box", `--container=${name}`, "--profile=general", "--quiet", "--", "sh", "-c", "read wanted; ps | grep -q \"[s]${wanted#s}\" && echo it runs; sleep 1"]);
    t.regex(out, /it runs/);
  });
}

serial("100 MB go through a port-forward and come back unchanged", async (t) => {
  const kubectl = await kubectlFor(up.kubeconfig);
  await kubectl("run", "echo", ...server("exec nc -ll -p 7 -e cat"));
  await ready(kubectl, "echo");
  const { port } = await forward(t, up.kubeconfig, "1.36", ["pod/echo", ":7"]);
  const data = randomBytes(100 * MEBIBYTE);
  t.is(await exchange(port, data), createHash("sha256").update(data).digest("hex"));
});

serial("the API's proxy reaches a pod, a service and the node's own pages", async (t) => {
  const kubectl = await kubectlFor(up.kubeconfig);
  await kubectl("run", "web", "--port=8080", ...server("mkdir /w; echo page > /w/i; exec httpd -f -p 8080 -h /w"));
  await ready(kubectl, "web");
  await kubectl("expose", "pod", "web", "--port=80", "--target-port=8080");
  t.is(await kubectl("get", "--raw", "/api/v1/namespaces/default/pods/web:8080/proxy/i"), "page\n");
  t.is(await eventually("the service has its endpoint", () => kubectl("get", "--raw", "/api/v1/namespaces/default/services/web/proxy/i").catch(() => undefined)), "page\n");
  const { items } = await kubectl.json<{ items: readonly Node[] }>("get", "nodes");
  const node = items[0]?.metadata.name ?? "";
  t.is(await kubectl("get", "--raw", `/api/v1/nodes/${node}/proxy/healthz`), "ok");
  t.regex(await kubectl("get", "--raw", `/api/v1/nodes/${node}/proxy/metrics/cadvisor`), /container_cpu_usage_seconds_total\{[^}]*pod="web"/);
  await t.throwsAsync(kubectl("get", "--raw", "/api/v1/namespaces/default/pods/web:9/proxy/"));
});

serial("kubectl top shows what a busy container uses", async (t) => {
  const kubectl = await kubectlFor(up.kubeconfig);
  await kubectl("run", "busy", ...server("while :; do :; done"));
  await ready(kubectl, "busy");
  const millicores = async () => Number(/busy\s+(\d+)m/.exec(await kubectl("top", "pods").catch(() => ""))?.[1] ?? 0);
  t.true((await eventually("the busy pod shows", async () => (await millicores()) > 0 && (await millicores()))) > 0);
  t.regex(await kubectl("top", "nodes"), /\s\d+m\s+\d+%\s+\d+Mi/);
  await kubectl("delete", "pod", "busy", "--now");
});

serial("a line of 1 Mbit/s that a stream fills keeps its device present and lets others through", async (t) => {
  const directory = temporaryDirectory(t);
  const [port, mqttPort] = [await freePort(), await freePort()];
  const dataDir = join(directory, "server");
  await lichen(t, ["server", "--data-dir", dataDir, "--port", String(port), "--mqtt-port", String(mqttPort), "--cluster-cidr", "10.80.0.0/16"]).says(/^ready /);
  await pushBusybox(dataDir);
  const kubectl = await kubectlFor(join(dataDir, "kubeconfig"));
  const [token = ""] = await lichen(t, ["token", "create", "--data-dir", dataDir]).says(/^[0-9a-f]{64}\..*$/);
  const agent = () => lichen(t, ["agent", "--server", `https://127.0.0.1:${port}`, "--name", "thin", "--data-dir", join(directory, "thin"), "--runtimes", "containerd", "--drain-on-exit"], { LICHEN_TOKEN: token });
  const first = agent();
  await first.says(/^ready/);
  await first.stop();

  const link: ThinLink = await thinLink(mqttPort, 1_000_000);
  t.teardown(link.close);
  const file = join(directory, "thin", "identity", "identity.json");
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, "utf8")) as object), mqtt: [`mqtts://127.0.0.1:${link.port}`] }), { mode: 0o600 });
  await agent().says(/^ready/);
  await kubectl("run", "loud", ...server("nc -ll -p 7 -e cat >/dev/null & sleep 3600"));
  await ready(kubectl, "loud");

  const bulk = startProgram({ command: await kubectlProgram("1.36"), args: ["exec", "loud", "--", "cat", "/dev/zero"], env: environment(join(dataDir, "kubeconfig")) });
  t.teardown(() => bulk.stop());
  const { port: sink } = await forward(t, join(dataDir, "kubeconfig"), "1.36", ["pod/loud", ":7"]);
  const flood = connect({ port: sink, host: "127.0.0.1" }).on("error", () => {});
  t.teardown(() => void flood.destroy());
  flood.write(randomBytes(100 * MEBIBYTE));
  const before = link.carried();
  await eventually("streams fill the line in both directions", () => link.carried() - before > 3 * MEBIBYTE, 120_000);
  const conditionsOf = async () => (await kubectl.json<Node>("get", "node", "thin")).status?.conditions?.find(({ type }) => type === "Ready")?.status;
  t.is(await kubectl("exec", "loud", "--", "echo", "between"), "between\n");
  await kubectl("run", "late", ...server("echo started; sleep 3600"));
  await ready(kubectl, "late");
  t.is((await kubectl.json<Pod>("get", "pod", "late")).status?.phase, "Running");
  t.is(await conditionsOf(), "True");
  t.is(bulk.output().includes("error"), false);
  await bulk.stop("SIGKILL");
  await kubectl("delete", "pods", "--all", "--now");
});

/** kubectl commands that carry bytes to and from a container on containerd: cp, exec, attach, logs, port-forward, debug. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { BUSYBOX, containerCluster } from "../conformance/support/clusters.ts";
import { kubectlProgram, kubectlVersions } from "../support/components.ts";
import { eventually } from "../support/eventually.ts";
import { kubectlFor } from "../support/kubectl.ts";
import { temporaryDirectory } from "../support/lichen.ts";
import { startProgram } from "../support/program.ts";

const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
const possible = process.getuid?.() === 0 && existsSync("/usr/bin/containerd");
const serial = possible ? test.serial : test.serial.skip;
let kubeconfig = "";
let folder = "";

/** A second of output, again and again, and a page to fetch. */
const SCRIPT = "echo the page > /www/index.html; httpd -p 8080 -h /www; trap exit TERM; while true; do echo tick; sleep 1; done";

test.before(async () => {
  if (!possible) return;
  folder = temporaryDirectory(whole);
  kubeconfig = await containerCluster(whole);
});

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

for (const version of kubectlVersions) {
  serial(`kubectl ${version}: cp both ways, exec with input, attach, logs, port-forward, debug (needs root and containerd)`, async (t) => {
    const kubectl = await kubectlFor(kubeconfig, version);
    const program = await kubectlProgram(version);
    const env = { ...process.env, KUBECONFIG: kubeconfig };
    const path = join(folder, "pod.json");
    writeFileSync(path, JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "box" }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "box", image: BUSYBOX, command: ["sh", "-c", SCRIPT], stdin: true }] } }));
    await kubectl("apply", "-f", path);
    await kubectl("wait", "--for=condition=Ready", "pod/box", "--timeout=90s");

    const [from, back] = [join(folder, `from-${version}`), join(folder, `back-${version}`)];
    mkdirSync(join(from, "deep"), { recursive: true });
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 256));
    writeFileSync(join(from, "deep", "bytes"), bytes);
    await kubectl("cp", from, "box:/tmp/copied");
    t.is((await kubectl("exec", "box", "--", "sh", "-c", "wc -c < /tmp/copied/deep/bytes")).trim(), String(bytes.length));
    await kubectl("cp", "box:/tmp/copied", back);
    t.deepEqual(readFileSync(join(back, "deep", "bytes")), bytes);

    const input = promisify(execFile)("sh", ["-c", `head -c 200000 /dev/zero | "${program}" exec -i box -- wc -c`], { env });
    t.is((await input).stdout.trim(), "200000");
    const failed = await t.throwsAsync(kubectl("exec", "box", "--", "sh", "-c", "echo to stderr >&2; exit 7"));
    t.regex(failed?.message ?? "", /to stderr[^]*exit code 7/);

    t.regex(await kubectl("logs", "box", "--tail=1", "--timestamps"), /^\d{4}-\S+Z tick\n$/);
    for (const args of [["logs", "-f", "box", "--since=1s"], ["attach", "box"]]) {
      const stream = startProgram({ command: program, args, env });
      await stream.says(/^tick$/);
      await stream.stop();
    }

    const forward = startProgram({ command: program, args: ["port-forward", "pod/box", ":8080"], env });
    const [, port = ""] = await forward.says(/^Forwarding from 127\.0\.0\.1:(\d+) ->/);
    for (let count = 0; count < 3; count++) t.is(await (await fetch(`http://127.0.0.1:${port}/index.html`)).text(), "the page\n");
    await forward.stop();

    await kubectl("debug", "box", `--image=${BUSYBOX}`, "--container=debugger", "--target=box", "--attach=false", "--", "sh", "-c", "echo from the debugger; sleep 1000");
    await eventually("the debugger speaks", async () => (await kubectl("logs", "box", "-c", "debugger")) === "from the debugger\n");
    await kubectl("delete", "pod", "box", "--timeout=60s");
  });
}

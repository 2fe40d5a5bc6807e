/**
 * What the README promises, with real kubectl of two versions: a device that runs components, a Deployment on it, and the
 * commands people use first.
 */
import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import type { Node, Pod } from "../../core/api/types.gen.ts";
import { kubectlVersions } from "../support/components.ts";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { lichen, lichenUp, temporaryDirectory, type Up } from "../support/lichen.ts";

const examples = resolve(import.meta.dirname, "../../examples");
const run = promisify(execFile);
const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
let up: Up;

test.before(async () => {
  up = await lichenUp(whole, { devices: ["wasi"], dataDir: temporaryDirectory(whole) });
  for (const name of ["hello", "ticker"]) {
    const push = lichen(whole, ["push", join(examples, "components", name, `${name}.wasm`), `${name}:1`, "--data-dir", up.dataDir]);
    await push.says(new RegExp(`^registry.lichen.internal/${name}:1$`));
  }
});

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

interface List<T> {
  readonly items: readonly T[];
}

const podsOf = async (kubectl: Kubectl, app: string) => (await kubectl.json<List<Pod>>("get", "pods", "-l", `app=${app}`)).items;
const curl = async (url: string) => (await run("curl", ["-sS", "--fail", "--max-time", "10", url])).stdout;

for (const version of kubectlVersions) {
  test.serial(`kubectl ${version}: a Deployment of components from apply to delete`, async (t) => {
    const kubectl = await kubectlFor(up.kubeconfig, version);

    const [node] = (await kubectl.json<List<Node>>("get", "nodes")).items;
    t.is(node?.status?.nodeInfo?.architecture, process.arch === "x64" ? "amd64" : "arm64");
    t.is(node?.metadata.labels?.["lichen.dev/runtime-wasi"], "true");
    const table = await kubectl("get", "nodes", "-o", "wide");
    t.regex(table, /ARCH\s+BOARD/);
    t.regex(table, /\bReady\b.*wasi:\/\/\S+\s+(amd64|arm64)\s+\S+/);

    await kubectl("apply", "-f", join(examples, "hello.yaml"), "-f", join(examples, "ticker.yaml"));
    t.regex(await kubectl("rollout", "status", "deployment/hello", "--timeout=60s"), /successfully rolled out/);
    const pods = await podsOf(kubectl, "hello");
    t.is(pods.length, 2);
    for (const pod of pods) {
      const answer = await curl(`http://${pod.status?.podIP}:8080/`);
      t.true(answer.includes(pod.metadata.name ?? "?"), answer);
    }

    await kubectl("rollout", "status", "deployment/ticker", "--timeout=60s");
    await eventually("the ticker's log", async () => (await kubectl("logs", "deployment/ticker")).includes("tick 2"));
    const described = await eventually("the Event that the component started", async () => {
      const text = await kubectl("describe", "pod", pods[0]?.metadata.name ?? "");
      return /Normal\s+Started/.test(text) ? text : undefined;
    });
    t.regex(described, /Runtime Class Name:\s+wasi/);

    await kubectl("scale", "deployment/hello", "--replicas=3");
    await kubectl("rollout", "status", "deployment/hello", "--timeout=60s");
    t.is((await podsOf(kubectl, "hello")).length, 3);

    t.regex(await kubectl("diff", "-f", join(examples, "ticker.yaml")), /^$/);
    t.regex(await kubectl("explain", "deployment.spec.replicas"), /replicas/);

    await kubectl("delete", "-f", join(examples, "hello.yaml"), "-f", join(examples, "ticker.yaml"), "--timeout=60s");
    await eventually("all pods are gone", async () => (await podsOf(kubectl, "hello")).length + (await podsOf(kubectl, "ticker")).length === 0);
  });
}

test.serial("a component that cannot run says why in its status and an Event", async (t) => {
  const kubectl = await kubectlFor(up.kubeconfig);
  await kubectl("run", "missing", "--image=registry.lichen.internal/nothing:1", '--overrides={"spec":{"runtimeClassName":"wasi"}}');
  const waiting = await eventually("the pod says that its image is missing", async () => {
    const pod = await kubectl.json<Pod>("get", "pod", "missing");
    const reason = pod.status?.containerStatuses?.[0]?.state?.waiting?.reason;
    return reason === "ErrImagePull" || reason === "ImagePullBackOff" ? reason : undefined;
  });
  t.regex(waiting, /Image|Pull/);
  await eventually("an Event about it", async () => (await kubectl("get", "events", "--field-selector=involvedObject.name=missing")).includes("Failed"));
  await kubectl("delete", "pod", "missing", "--now");
});

test.serial("an unknown field is refused with its path, and nothing is stored", async (t) => {
  const kubectl = await kubectlFor(up.kubeconfig);
  const error = await t.throwsAsync(kubectl("create", "-f", join(import.meta.dirname, "fixtures", "unknown-field.yaml")));
  t.regex(error?.message ?? "", /unknown field "spec.replicsa"/);
  await t.throwsAsync(kubectl("get", "deployment", "typo"), { message: /NotFound/ });
});

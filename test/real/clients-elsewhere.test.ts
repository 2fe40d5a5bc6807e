/** Clients in other languages: Debian's Python client, and an operator written with client-go. */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { eventually } from "../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../support/kubectl.ts";
import { lichen, temporaryDirectory } from "../support/lichen.ts";
import { startProgram } from "../support/program.ts";
import { widget, widgetDefinition } from "./clients/definitions.ts";
import { buildGoProgram } from "./clients/go-program.ts";

const closing: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void closing.push(end) };
/** Compiling all of client-go for the first time, on a small machine. */
const BUILD_MS = 900_000;
const python = existsSync("/usr/lib/python3/dist-packages/kubernetes") ? test.serial : test.serial.skip;
const go = process.arch === "x64" || process.arch === "arm64" ? test.serial : test.serial.skip;
let folder = "";
let kubeconfig = "";
let kubectl: Kubectl;

test.before(async () => {
  folder = temporaryDirectory(whole);
  await lichen(whole, ["server", "--data-dir", folder, "--port", "0", "--mqtt-port", "0", "--datastore-endpoint", "memory:"]).says(/^ready /);
  kubeconfig = join(folder, "kubeconfig");
  kubectl = await kubectlFor(kubeconfig);
  await create(widgetDefinition());
  await kubectl("wait", "--for=condition=Established", "crd/widgets.shop.example.com", "--timeout=60s");
});

test.after.always(async () => {
  for (const close of closing.toReversed()) await close();
});

let files = 0;
async function create(object: object): Promise<void> {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, JSON.stringify(object));
  await kubectl("create", "-f", path);
}

python("the Python client lists, writes, watches and uses custom objects (needs python3-kubernetes)", async (t) => {
  const { stdout } = await promisify(execFile)("/usr/bin/python3", [join(import.meta.dirname, "clients", "watcher.py"), kubeconfig]);
  t.deepEqual(JSON.parse(stdout), {
    version: "36",
    events: [["MODIFIED", "python", "2"], ["DELETED", "python", "2"]],
    missing: 404,
    strategy: "RollingUpdate",
    widget: { size: 3, color: "green" },
    refused: "Invalid",
    dynamic: ["python"],
  });
});

go("an operator of client-go: leader election, informers, queue, apply, status, events", async (t) => {
  t.timeout(BUILD_MS);
  const command = await buildGoProgram(join(import.meta.dirname, "clients", "operator.go"), join(folder, "operator"));
  const operator = startProgram({ command, args: [], env: { ...process.env, KUBECONFIG: kubeconfig } });
  whole.teardown(() => operator.stop());
  await operator.says(/^synced$/);
  await create(widget("one", { size: 3 }));
  await operator.says(/^status default\/one 3$/);
  t.is(await kubectl("get", "configmap", "one", "-o", "jsonpath={.data.size} {.metadata.ownerReferences[0].kind}"), "3 Widget");
  t.is(await kubectl("get", "widget", "one", "-o", "jsonpath={.status.size}"), "3");

  // both ways round: what is wanted changes, and what was made is spoilt
  await kubectl("patch", "widget", "one", "--type=merge", "-p", '{"spec":{"size":4}}');
  await operator.says(/^status default\/one 4$/);
  await kubectl("delete", "configmap", "one");
  await eventually("the ConfigMap is back", async () => (await kubectl("get", "configmap", "one", "--ignore-not-found", "-o", "jsonpath={.data.size}")) === "4");
  await eventually("an Event tells of it", async () => (await kubectl("get", "events", "--field-selector=involvedObject.name=one,reason=Applied", "-o", "name")) !== "");

  await kubectl("delete", "widget", "one");
  await operator.says(/^gone default\/one$/);
  await eventually("the ConfigMap goes with its owner", async () => (await kubectl("get", "configmap", "one", "--ignore-not-found", "-o", "name")) === "");
  t.is(await kubectl("get", "lease", "operator", "-o", "jsonpath={.spec.holderIdentity}"), "only-one");
  await operator.stop();
  t.is(await kubectl("get", "lease", "operator", "-o", "jsonpath={.spec.holderIdentity}"), "");
  t.notRegex(operator.output(), /^(error|E\d{4}|W\d{4})/m);
});

/** Pods from files of the device. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { silentLog, type Log } from "../../core/api/log.ts";
import type { AnyObject } from "../../core/api/meta.ts";
import { memoryFile, openDesired } from "../../edge-agent/desired.ts";
import { newReport } from "../../edge-agent/report.ts";
import { staticPods } from "../../edge-agent/static-pods.ts";
import { eventually } from "../support/eventually.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { pod } from "./support/pods.ts";

const manifest = (image: string) => `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - {name: main, image: ${image}}\n`;

async function setUp(t: ExecutionContext, files: { readonly [name: string]: string }) {
  const directory = await mkdtemp(join(tmpdir(), "lichen-manifests-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  const clock = virtualClock();
  const told = await openDesired(memoryFile(), silentLog);
  const report = newReport();
  const complaints: string[] = [];
  const log: Log = { ...silentLog, warn: (fields: object) => void complaints.push(JSON.stringify(fields)) } as Log;
  const statics = await staticPods({ directory, nodeName: "dev1", desired: told, report, clock, log });
  t.teardown(statics.close);
  return { directory, clock, told, report, statics, complaints };
}

const mirror = (hash: string, name = "web-dev1", uid = "of-the-api") => pod(name, {}, { uid, annotations: { "kubernetes.io/config.mirror": hash } });

test("manifests in YAML and JSON join the desired set, bound to the device", async (t) => {
  const json = JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "two", namespace: "kube-system" }, spec: { containers: [{ name: "main", image: "b" }] } });
  const { statics, told } = await setUp(t, { "web.yaml": manifest("a"), "two.json": json, ".hidden.yaml": manifest("c"), "notes.txt": "no pod" });
  await told.apply({ full: false, put: [pod("ordinary")], drop: [] });
  const pods = statics.desired.pods();
  t.deepEqual(pods.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).toSorted(), ["default/ordinary", "default/web-dev1", "kube-system/two-dev1"]);
  const web = pods.find(({ metadata }) => metadata.name === "web-dev1");
  t.like(web?.spec, { nodeName: "dev1", restartPolicy: "Always" });
  t.is(web?.metadata.annotations?.["kubernetes.io/config.hash"], web?.metadata.uid);
  t.is(statics.desired.pod(web?.metadata.uid ?? ""), web);
});

test("files that are no pods, or need the API, are named and left out", async (t) => {
  const secret = `${manifest("a")}  volumes:\n  - {name: s, secret: {secretName: keys}}\n`;
  const { statics, complaints } = await setUp(t, { "bad.yaml": "kind: [", "service.yaml": "apiVersion: v1\nkind: Service\n", "secret.yaml": secret });
  t.deepEqual(statics.desired.pods(), []);
  t.is(complaints.length, 3);
  t.true(complaints.some((each) => each.includes("static pods cannot use secret")));
  t.true(complaints.some((each) => each.includes("expected a v1 Pod, got v1 Service")));
});

test("mirrors are not run; who asks for one is led to the pod itself", async (t) => {
  const { statics, told } = await setUp(t, { "web.yaml": manifest("a") });
  const uid = statics.desired.pods()[0]?.metadata.uid ?? "";
  await told.apply({ full: false, put: [mirror(uid)], drop: [] });
  t.is(statics.desired.pods().length, 1);
  t.is(statics.desired.pod("of-the-api"), undefined);
  t.is(statics.uidOf("of-the-api"), uid);
  t.is(statics.uidOf("another"), "another");
});

test("a mirror that is gone is reported again, one without a file as gone", async (t) => {
  const { statics, told, report } = await setUp(t, { "web.yaml": manifest("a") });
  const uid = statics.desired.pods()[0]?.metadata.uid ?? "";
  report.pod(uid, { namespace: "default", name: "web-dev1", status: { phase: "Running" } as unknown as AnyObject });
  await told.apply({ full: false, put: [mirror(uid), mirror("earlier", "old-dev1", "another")], drop: [] });
  t.deepEqual(report.next()?.pods.map((each) => [each.uid, each.gone]).toSorted(), [["earlier", true], [uid, undefined]].toSorted());
  t.is(report.next(), undefined);
  await told.apply({ full: false, put: [], drop: [["v1/pods", "default", "web-dev1"]] });
  t.deepEqual(report.next()?.pods.map((each) => each.uid), [uid]);
});

test("a changed file is another pod, a removed one none", async (t) => {
  const { directory, statics, clock } = await setUp(t, { "web.yaml": manifest("a") });
  const first = statics.desired.pods()[0]?.metadata.uid;
  await writeFile(join(directory, "web.yaml"), manifest("b"));
  await eventually("the new manifest", async () => {
    await clock.advance(20_000);
    return statics.desired.pods()[0]?.metadata.uid !== first;
  });
  t.is(statics.desired.pods()[0]?.spec?.containers[0]?.image, "b");
  await rm(join(directory, "web.yaml"));
  await eventually("no pod", async () => {
    await clock.advance(20_000);
    return statics.desired.pods().length === 0;
  });
});

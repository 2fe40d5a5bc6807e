/** Variables in the subpaths of volumes. */
import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { exec, output, podOf, podsOf, running, statusOf, untilPod } from "../support/pods.ts";

const volumes = { volumes: [{ name: "work", emptyDir: {} }] };
const fromAnnotation = [{ name: "SUBPATH", valueFrom: { fieldRef: { fieldPath: "metadata.annotations['mysubpath']" } } }];
const whole = { name: "work", mountPath: "/whole" };
const part = { name: "work", mountPath: "/part", subPathExpr: "$(SUBPATH)" };

/** The container is not made, and the pod says so. */
async function fails(c: Context, env: readonly object[], metadata: object = {}): Promise<void> {
  await podsOf(c).create(podOf({ metadata, spec: volumes, container: { env, volumeMounts: [part] } }));
  const pod = await untilPod(c, "pod", (one) => statusOf(one)?.state?.waiting?.reason === "CreateContainerConfigError", "its container is refused");
  assert.equal(pod.status?.phase, "Pending");
}

export const subpathExpressionTests = [
  conformance("[sig-node] Variable Expansion should allow substituting values in a volume subpath", async (c) => {
    const env = [{ name: "SUBPATH", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }];
    const log = await output(c, { spec: volumes, container: { env, volumeMounts: [part, whole] }, script: "echo inside > /part/file; cat /whole/pod/file; test -d /whole/pod && echo found" });
    assert.equal(log, "inside\nfound\n");
  }),
  conformance("[sig-node] Variable Expansion should fail substituting values in a volume subpath with absolute path", (c) => fails(c, [{ name: "SUBPATH", value: "/tmp" }])),
  conformance("[sig-node] Variable Expansion should fail substituting values in a volume subpath with backticks", (c) => fails(c, [{ name: "SUBPATH", value: ".." }])),
  conformance("[sig-node] Variable Expansion should succeed in writing subpaths in container", async (c) => {
    await running(c, { metadata: { annotations: { mysubpath: "mypath" } }, spec: volumes, container: { env: fromAnnotation, volumeMounts: [part, whole] } });
    await exec(c, "pod", "touch /part/test.log");
    assert.equal(await exec(c, "pod", "ls /whole/mypath"), "test.log\n");
    await podsOf(c).patch("pod", { metadata: { annotations: { mysubpath: "mynewpath" } } });
    assert.equal(await exec(c, "pod", "ls /whole"), "mypath\n");
  }),
  conformance("[sig-node] Variable Expansion should verify that a failing subpath expansion can be modified during the lifecycle of a container", async (c) => {
    await fails(c, fromAnnotation, { annotations: { mysubpath: "/absolute" } });
    await podsOf(c).patch("pod", { metadata: { annotations: { mysubpath: "mypath" } } });
    await eventually("the container runs", async () => statusOf(await podsOf(c).get("pod"))?.state?.running !== undefined, 120_000);
  }),
];

/** The life of containers in a pod: init, restart, termination messages, ephemeral ones, what security allows. */
import assert from "node:assert/strict";
import type { Pod } from "../../../core/api/types.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { BUSYBOX } from "../support/clusters.ts";
import { type Context, conformance } from "../support/conformance.ts";
import { updateFresh } from "../support/operations.ts";
import { exec, isReady, logOf, main, output, podOf, podsOf, running, statusOf, untilPod, WAIT } from "../support/pods.ts";

/** The termination message of a container that ran to its end. */
async function message(c: Context, script: string, container: object, phase: string): Promise<string> {
  await output(c, { script, container }, phase);
  return statusOf(await podsOf(c).get("pod"))?.state?.terminated?.message ?? "";
}
const fallback = { terminationMessagePolicy: "FallbackToLogsOnError" };

async function init(c: Context, restartPolicy: string, commands: readonly string[], script = "true"): Promise<Pod> {
  return podsOf(c).create(podOf({ spec: { restartPolicy, initContainers: commands.map((command, index) => main(command, {}, `init${index + 1}`)) }, script }));
}
const initialized = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === "Initialized")?.status;
const ended = (pod: Pod, name: string) => statusOf(pod, name)?.state?.terminated;

const ids = (spec: object, container: object) => async (c: Context) => {
  assert.equal(await output(c, { spec, container, script: "id -u; id -g" }), "1001\n2002\n");
};

export const containerTests = [
  conformance("[sig-node] Container Runtime blackbox test on terminated container should report termination message as empty when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set", async (c) => {
    assert.equal(await message(c, "echo DONE", fallback, "Succeeded"), "");
  }),
  conformance("[sig-node] Container Runtime blackbox test on terminated container should report termination message from file when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set", async (c) => {
    assert.equal(await message(c, "echo log; printf OK > /dev/termination-log", fallback, "Succeeded"), "OK");
  }),
  conformance("[sig-node] Container Runtime blackbox test on terminated container should report termination message from log output if TerminationMessagePolicy FallbackToLogsOnError is set", async (c) => {
    assert.equal((await message(c, "printf DONE; exit 1", fallback, "Failed")).trim(), "DONE");
  }),
  conformance("[sig-node] Container Runtime blackbox test on terminated container should report termination message if TerminationMessagePath is set as non-root user and at a non-default path", async (c) => {
    assert.equal(await message(c, "printf DONE > /dev/termination-custom-log", { terminationMessagePath: "/dev/termination-custom-log", securityContext: { runAsUser: 1000 } }, "Succeeded"), "DONE");
  }),
  conformance("[sig-node] Container Runtime blackbox test when starting a container that exits should run with the expected status", async (c) => {
    // the second run lasts, so that each policy has one state to come to rest in
    const twice = "if [ -f /restart/count ]; then exit 0; fi; touch /restart/count; exit 1";
    const volumes = { volumes: [{ name: "restart", emptyDir: {} }] };
    const container = { volumeMounts: [{ name: "restart", mountPath: "/restart" }] };
    for (const restartPolicy of ["Always", "OnFailure", "Never"]) await podsOf(c).create(podOf({ name: restartPolicy.toLowerCase(), spec: { restartPolicy, ...volumes }, script: twice, container }));
    const always = await untilPod(c, "always", (pod) => (statusOf(pod)?.restartCount ?? 0) >= 2 && statusOf(pod)?.state?.running === undefined, "it is started again and again");
    assert.equal(always.status?.phase, "Running");
    assert.equal(statusOf(always)?.ready, false);
    const onFailure = await untilPod(c, "onfailure", ({ status }) => status?.phase === "Succeeded", "its second run succeeds");
    assert.deepEqual([statusOf(onFailure)?.restartCount, ended(onFailure, "main")?.exitCode], [1, 0]);
    const never = await untilPod(c, "never", ({ status }) => status?.phase === "Failed", "it fails");
    assert.deepEqual([statusOf(never)?.restartCount, ended(never, "main")?.exitCode, ended(never, "main")?.reason], [0, 1, "Error"]);
  }),

  conformance("[sig-node] InitContainer should invoke init containers on a RestartAlways pod", async (c) => {
    await init(c, "Always", ["true", "true"], WAIT);
    const pod = await untilPod(c, "pod", isReady);
    assert.equal(initialized(pod), "True");
    for (const name of ["init1", "init2"]) assert.equal(ended(pod, name)?.exitCode, 0);
  }),
  conformance("[sig-node] InitContainer should invoke init containers on a RestartNever pod", async (c) => {
    await init(c, "Never", ["true", "true"]);
    const pod = await untilPod(c, "pod", ({ status }) => status?.phase === "Succeeded");
    assert.equal(initialized(pod), "True");
    for (const name of ["init1", "init2", "main"]) assert.equal(ended(pod, name)?.exitCode, 0);
    assert.ok((ended(pod, "init1")?.finishedAt ?? "") <= (ended(pod, "init2")?.startedAt ?? ""));
  }),
  conformance("[sig-node] InitContainer should not start app containers and fail the pod if init containers fail on a RestartNever pod", async (c) => {
    await init(c, "Never", ["true", "false"]);
    const pod = await untilPod(c, "pod", ({ status }) => status?.phase === "Failed");
    assert.deepEqual([ended(pod, "init1")?.exitCode, ended(pod, "init2")?.exitCode], [0, 1]);
    assert.equal(initialized(pod), "False");
    assert.equal(statusOf(pod)?.state?.waiting?.reason, "PodInitializing");
  }),
  conformance("[sig-node] InitContainer should not start app containers if init containers fail on a RestartAlways pod", async (c) => {
    await init(c, "Always", ["false", "true"], WAIT);
    const pod = await untilPod(c, "pod", (one) => (statusOf(one, "init1")?.restartCount ?? 0) >= 2, "the first is started again");
    assert.equal(pod.status?.phase, "Pending");
    assert.equal(statusOf(pod)?.started ?? false, false);
    assert.equal(statusOf(pod)?.state?.waiting?.reason, "PodInitializing");
    assert.equal(initialized(pod), "False");
  }),

  conformance("[sig-node] Ephemeral Containers will start an ephemeral container in an existing pod", async (c) => {
    await running(c, {});
    const ephemeralContainers = [main("echo polo; sleep 1000", {}, "debugger")];
    await podsOf(c).patch("pod", { spec: { ephemeralContainers } }, "strategic", "ephemeralcontainers");
    await untilPod(c, "pod", (pod) => statusOf(pod, "debugger")?.state?.running !== undefined, "the debugger runs");
    await eventually("its log", async () => (await logOf(c, "pod", "debugger")) === "polo\n");
    assert.equal(statusOf(await podsOf(c).get("pod"))?.restartCount, 0);
  }),
  conformance("[sig-node] Ephemeral Containers should update the ephemeral containers in an existing pod", async (c) => {
    await running(c, {});
    const add = async (name: string) => updateFresh(podsOf(c), "pod", (fresh) => ({ ...fresh, spec: { ...fresh.spec, containers: fresh.spec?.containers ?? [], ephemeralContainers: [...(fresh.spec?.ephemeralContainers ?? []), main("sleep 1000", {}, name)] } }), "ephemeralcontainers");
    await add("first");
    await add("second");
    for (const name of ["first", "second"]) await untilPod(c, "pod", (pod) => statusOf(pod, name)?.state?.running !== undefined, `${name} runs`);
    assert.deepEqual((await podsOf(c).get("pod", "ephemeralcontainers")).spec?.ephemeralContainers?.map(({ name }) => name), ["first", "second"]);
  }),
  conformance("[sig-node] ImageVolume should succeed with pod and pull policy of Always [MinimumKubeletVersion:1.35]", async (c) => {
    const volumes = [{ name: "image", image: { reference: BUSYBOX, pullPolicy: "Always" } }];
    await running(c, { spec: { volumes }, container: { volumeMounts: [{ name: "image", mountPath: "/volume" }] } });
    assert.match(await exec(c, "pod", "ls /volume/bin"), /busybox/);
    assert.match(await exec(c, "pod", "cat /volume/etc/passwd"), /^root:/);
  }),

  conformance("[sig-node] Kubelet when scheduling a busybox command in a pod should print the output to logs", async (c) => {
    assert.equal(await output(c, { script: "echo 'Hello World'; sleep 1" }), "Hello World\n");
  }),
  conformance("[sig-node] Kubelet when scheduling a busybox command that always fails in a pod should be possible to delete", async (c) => {
    await podsOf(c).create(podOf({ spec: { restartPolicy: "Always" }, script: "false" }));
    await untilPod(c, "pod", (pod) => (statusOf(pod)?.restartCount ?? 0) > 0 || statusOf(pod)?.state?.terminated !== undefined, "it failed");
    await podsOf(c).delete("pod");
    await eventually("it is gone", async () => (await podsOf(c).list()).items.length === 0);
  }),
  conformance("[sig-node] Kubelet when scheduling a busybox command that always fails in a pod should have an terminated reason", async (c) => {
    await podsOf(c).create(podOf({ spec: { restartPolicy: "Always" }, script: "false" }));
    const pod = await untilPod(c, "pod", (one) => statusOf(one)?.state?.terminated !== undefined || statusOf(one)?.lastState?.terminated !== undefined, "it ended");
    const { state, lastState } = statusOf(pod) ?? {};
    assert.equal((state?.terminated ?? lastState?.terminated)?.reason, "Error");
  }),
  conformance("[sig-node] Kubelet when scheduling a read only busybox container should not write to root filesystem", async (c) => {
    assert.match(await output(c, { container: { securityContext: { readOnlyRootFilesystem: true } }, script: "echo test > /file; sleep 1; true" }), /Read-only file system/);
  }),

  conformance("[sig-node] Security Context When creating a container with runAsUser should run the container with uid 65534", async (c) => {
    assert.equal(await output(c, { container: { securityContext: { runAsUser: 65534 } }, script: "id -u" }), "65534\n");
  }),
  conformance("[sig-node] Security Context When creating a pod with privileged should run the container as unprivileged when false", async (c) => {
    const log = await output(c, { container: { securityContext: { privileged: false } }, script: "mount -t tmpfs none /tmp || echo refused" });
    assert.match(log, /Operation not permitted|permission denied|refused/i);
    assert.match(log, /refused/);
  }),
  conformance("[sig-node] Security Context When creating a pod with readOnlyRootFilesystem should run the container with writable rootfs when readOnlyRootFilesystem=false", async (c) => {
    assert.equal(await output(c, { container: { securityContext: { readOnlyRootFilesystem: false } }, script: "echo written > /file; cat /file" }), "written\n");
  }),
  conformance("[sig-node] Security Context when creating containers with AllowPrivilegeEscalation should not allow privilege escalation when false", async (c) => {
    const container = { securityContext: { allowPrivilegeEscalation: false, runAsUser: 1000 } };
    assert.match(await output(c, { container, script: "grep NoNewPrivs /proc/self/status" }), /NoNewPrivs:\s+1/);
  }),
  conformance("[sig-node] Security Context should support container.SecurityContext.RunAsUser And container.SecurityContext.RunAsGroup", ids({}, { securityContext: { runAsUser: 1001, runAsGroup: 2002 } })),
  conformance("[sig-node] Security Context should support pod.Spec.SecurityContext.RunAsUser And pod.Spec.SecurityContext.RunAsGroup", ids({ securityContext: { runAsUser: 1001, runAsGroup: 2002 } }, {})),
  conformance("[sig-node] Sysctls should support sysctls [Environment:NotInUserNS]", async (c) => {
    const spec = { securityContext: { sysctls: [{ name: "kernel.shm_rmid_forced", value: "1" }] } };
    assert.equal(await output(c, { spec, script: "cat /proc/sys/kernel/shm_rmid_forced" }), "1\n");
  }),
];

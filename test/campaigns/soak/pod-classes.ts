/**
 * What runs in the soak, and how each of it has to end. A class is a manifest and its specification: `wrong` says what of a
 * pod's status is not as specified; undefined: all is well. Whatever was killed how often, these hold in the end.
 */
import type { ContainerStatus, Pod, PodSpec } from "../../../core/api/types.gen.ts";

export interface PodClass {
  readonly name: string;
  /** in words, for the report */
  readonly specification: string;
  /** of a hundred pods */
  readonly share: number;
  readonly spec: (place: Place) => PodSpec;
  readonly wrong: (pod: Pod) => string | undefined;
}

export interface Place {
  readonly image: string;
  readonly name: string;
  /** a directory of the machine that pods may write to */
  readonly out: string;
}

/** Files of `out` that graceful pods leave. */
export const farewellOf = (name: string): string => `${name}.bye`;

const SLEEP = ["sleep", "3600"];
const shell = (script: string): string[] => ["sh", "-c", script];

export const podClasses: readonly PodClass[] = [
  {
    name: "always",
    specification: "runs, however often it was killed",
    share: 22,
    spec: ({ image }) => ({ terminationGracePeriodSeconds: 1, containers: [{ name: "main", image, command: SLEEP }] }),
    wrong: notReady,
  },
  {
    name: "on-failure",
    specification: "a killed process is a failure: it runs again",
    share: 8,
    spec: ({ image }) => ({ restartPolicy: "OnFailure", terminationGracePeriodSeconds: 1, containers: [{ name: "main", image, command: SLEEP }] }),
    wrong: notReady,
  },
  {
    name: "never",
    specification: "runs, or has failed with what killed it; never starts twice",
    share: 8,
    spec: ({ image }) => ({ restartPolicy: "Never", terminationGracePeriodSeconds: 1, containers: [{ name: "main", image, command: SLEEP }] }),
    wrong: (pod) => startedTwice(pod) ?? (pod.status?.phase === "Failed" ? notKilled(pod) : notReady(pod)),
  },
  {
    name: "completes",
    specification: "Succeeded with 0, or Failed because it was killed; never starts twice",
    share: 8,
    spec: ({ image }) => ({ restartPolicy: "Never", containers: [{ name: "main", image, command: shell("sleep 45") }] }),
    wrong: (pod) => startedTwice(pod) ?? (pod.status?.phase === "Succeeded" ? exitedOtherThan(pod, 0) : pod.status?.phase === "Failed" ? notKilled(pod) : inPhase(pod)),
  },
  {
    name: "fails",
    specification: "Failed with 3, or because it was killed; never starts twice",
    share: 6,
    spec: ({ image }) => ({ restartPolicy: "Never", containers: [{ name: "main", image, command: shell("sleep 15; exit 3") }] }),
    wrong: (pod) => startedTwice(pod) ?? (pod.status?.phase !== "Failed" ? inPhase(pod) : exitedOtherThan(pod, 3) === undefined ? undefined : notKilled(pod)),
  },
  {
    name: "retries",
    specification: "fails once, finds its emptyDir as it left it, Succeeded at the second start or later",
    share: 6,
    spec: ({ image }) => ({
      restartPolicy: "OnFailure",
      volumes: [{ name: "kept", emptyDir: {} }],
      containers: [{ name: "main", image, command: shell("[ -e /kept/first ] && exit 0; sleep 10; touch /kept/first; exit 1"), volumeMounts: [{ name: "kept", mountPath: "/kept" }] }],
    }),
    wrong: (pod) => (pod.status?.phase !== "Succeeded" ? inPhase(pod) : (main(pod)?.restartCount ?? 0) < 1 ? "succeeded at its first start" : exitedOtherThan(pod, 0)),
  },
  {
    name: "crashing",
    specification: "phase Running, restarted, never given up",
    share: 4,
    spec: ({ image }) => ({ terminationGracePeriodSeconds: 1, containers: [{ name: "main", image, command: shell("sleep 5; exit 1") }] }),
    wrong: (pod) => (pod.status?.phase !== "Running" ? inPhase(pod) : (main(pod)?.restartCount ?? 0) < 1 ? "was not restarted" : undefined),
  },
  {
    name: "probed",
    specification: "passes startup, readiness and liveness probes over exec, HTTP and TCP: Ready",
    share: 10,
    spec: ({ image }) => ({
      terminationGracePeriodSeconds: 1,
      containers: [{
        name: "main", image, command: shell("echo well >/www/index.html; exec httpd -f -p 8080 -h /www"),
        startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 120 },
        readinessProbe: { httpGet: { port: 8080, path: "/" }, periodSeconds: 5, timeoutSeconds: 5 },
        livenessProbe: { exec: { command: ["test", "-e", "/www/index.html"] }, periodSeconds: 20, timeoutSeconds: 20, failureThreshold: 5 },
      }],
    }),
    wrong: notReady,
  },
  {
    name: "sidecar",
    specification: "init container done, sidecar and main container run: Ready",
    share: 8,
    spec: ({ image }) => ({
      terminationGracePeriodSeconds: 1,
      volumes: [{ name: "shared", emptyDir: {} }],
      initContainers: [
        { name: "prepare", image, command: shell("echo prepared >/shared/file"), volumeMounts: [{ name: "shared", mountPath: "/shared" }] },
        { name: "beside", image, restartPolicy: "Always", command: SLEEP },
      ],
      containers: [{ name: "main", image, command: shell("test -s /shared/file && exec sleep 3600"), volumeMounts: [{ name: "shared", mountPath: "/shared" }] }],
    }),
    wrong: (pod) => notReady(pod) ?? (pod.status?.initContainerStatuses?.find(({ name }) => name === "beside")?.state?.running === undefined ? "its sidecar does not run" : undefined),
  },
  {
    name: "graceful",
    specification: "runs; when it is deleted it gets SIGTERM and the time to say goodbye",
    share: 8,
    spec: ({ image, name, out }) => ({
      terminationGracePeriodSeconds: 60,
      volumes: [{ name: "out", hostPath: { path: out } }],
      containers: [{ name: "main", image, command: shell(`trap 'sleep 1; echo bye >/out/${farewellOf(name)}; exit 0' TERM; while :; do sleep 1; done`), volumeMounts: [{ name: "out", mountPath: "/out" }] }],
    }),
    wrong: notReady,
  },
  {
    name: "volumes",
    specification: "every volume holds what it should at every start: Ready",
    share: 8,
    spec: ({ image }) => ({
      terminationGracePeriodSeconds: 1,
      volumes: [
        { name: "map", configMap: { name: "soak" } },
        { name: "secret", secret: { secretName: "soak" } },
        { name: "memory", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
        { name: "disk", emptyDir: {} },
        { name: "all", projected: { sources: [{ serviceAccountToken: { path: "token" } }, { downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } }] } },
      ],
      containers: [{
        name: "main", image,
        command: shell('[ "$(cat /map/key)" = value ] && [ "$(cat /secret/key)" = value ] && [ "$(cat /one)" = value ] && [ -s /all/token ] && [ "$(cat /all/name)" = "$HOSTNAME" ] && touch /memory/x /disk/x && exec sleep 3600'),
        volumeMounts: [
          { name: "map", mountPath: "/map" }, { name: "map", mountPath: "/one", subPath: "key" }, { name: "secret", mountPath: "/secret" },
          { name: "memory", mountPath: "/memory" }, { name: "disk", mountPath: "/disk", subPath: "below" }, { name: "all", mountPath: "/all" },
        ],
      }],
    }),
    wrong: notReady,
  },
  {
    name: "host-network",
    specification: "runs in the machine's network",
    share: 2,
    spec: ({ image }) => ({ hostNetwork: true, terminationGracePeriodSeconds: 1, containers: [{ name: "main", image, command: SLEEP }] }),
    wrong: notReady,
  },
  {
    name: "deadline",
    specification: "Failed with DeadlineExceeded",
    share: 2,
    spec: ({ image }) => ({ activeDeadlineSeconds: 30, terminationGracePeriodSeconds: 1, containers: [{ name: "main", image, command: SLEEP }] }),
    wrong: (pod) => (pod.status?.phase !== "Failed" ? inPhase(pod) : pod.status.reason !== "DeadlineExceeded" ? `failed for the reason ${pod.status.reason}` : undefined),
  },
];

/** How many pods of each class make `total`; every class has one at least. */
export function counted(total: number): readonly { readonly podClass: PodClass; readonly count: number }[] {
  const rows = podClasses.map((podClass) => ({ podClass, count: Math.max(1, Math.floor((podClass.share * total) / 100)) }));
  const rest = total - rows.reduce((sum, { count }) => sum + count, 0);
  return rows.map((row, at) => (at === 0 ? { ...row, count: Math.max(1, row.count + rest) } : row));
}

function main({ status }: Pod): ContainerStatus | undefined {
  return status?.containerStatuses?.find(({ name }) => name === "main");
}

function inPhase({ status }: Pod): string {
  return `is ${status?.phase}${status?.reason === undefined ? "" : ` (${status.reason})`}`;
}

function notReady(pod: Pod): string | undefined {
  const ready = pod.status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
  if (pod.status?.phase === "Running" && ready) return undefined;
  const state = main(pod)?.state;
  return `${inPhase(pod)}, not ready: ${state?.waiting?.reason ?? (state?.terminated === undefined ? "" : `terminated ${state.terminated.exitCode}`)}`;
}

function startedTwice(pod: Pod): string | undefined {
  const { restartCount = 0 } = main(pod) ?? {};
  return restartCount === 0 ? undefined : `was restarted ${restartCount} times`;
}

function exitedOtherThan(pod: Pod, code: number): string | undefined {
  const exitCode = main(pod)?.state?.terminated?.exitCode;
  return exitCode === code ? undefined : `exited with ${exitCode}`;
}

/** Signals are 128 + number; a container that vanished with its shim has 255, one that could not start 128. */
function notKilled(pod: Pod): string | undefined {
  const exitCode = main(pod)?.state?.terminated?.exitCode;
  return exitCode !== undefined && exitCode >= 128 ? undefined : `exited with ${exitCode}`;
}

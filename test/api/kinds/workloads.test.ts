import test from "ava";
import type { DaemonSet, Job } from "../../../core/api/types.gen.ts";
import { cells, created, defaulted, kindOf, refusals, template, updateRefusals, warnings, writer } from "./support.ts";
import type { Given } from "./support.ts";

const selector = { matchLabels: { app: "a" } };
const workload = (kind: string, more: object = {}): Given => ({ apiVersion: "apps/v1", kind, spec: { selector, template: template(), ...more } });
const job = (more: object = {}, metadata: object = {}): Given => ({ apiVersion: "batch/v1", kind: "Job", metadata, spec: { template: template({ restartPolicy: "Never" }, {}), ...more } });
const cronJob = (more: object = {}, metadata: object = {}): Given => ({
  apiVersion: "batch/v1",
  kind: "CronJob",
  metadata,
  spec: { schedule: "*/5 * * * *", jobTemplate: { spec: { template: template({ restartPolicy: "Never" }, {}) } }, ...more },
});
const MISMATCH = "`selector` does not match template `labels`";

const wrong: readonly (readonly [title: string, given: Given, refusals: readonly string[]])[] = [
  ["a template that the selector does not find", workload("Deployment", { template: template({}, { x: "y" }) }), [`spec.template.metadata.labels: Invalid value: {"x":"y"}: ${MISMATCH}`]],
  ["a deployment whose pods end", workload("Deployment", { template: template({ restartPolicy: "Never" }) }), ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"']],
  ["a deadline before readiness", workload("Deployment", { minReadySeconds: 9, progressDeadlineSeconds: 9 }), ["spec.progressDeadlineSeconds: Invalid value: 9: must be greater than minReadySeconds"]],
  ["an update that cannot move", workload("Deployment", { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }), ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"]],
  ["more than all", workload("Deployment", { strategy: { rollingUpdate: { maxUnavailable: "101%" } } }), ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%']],
  ["an unreadable selector", workload("StatefulSet", { selector: { matchExpressions: [{ key: "a", operator: "Bad" }] } }), ['spec.selector.matchExpressions[0].operator: Invalid value: "Bad": not a valid selector operator', 'spec.selector: Invalid value: {"matchExpressions":[{"key":"a","operator":"Bad"}]}']],
  ["no selector", workload("StatefulSet", { selector: null }), ["spec.selector: Required value", `spec.template.metadata.labels: Invalid value: {"app":"a"}: ${MISMATCH}`]],
  ["a strategy that does not exist", workload("DaemonSet", { updateStrategy: { type: "X" } }), ['spec.updateStrategy: Unsupported value: {"Type":"X","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"']],
  ["surge and gap at once", workload("DaemonSet", { updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } }), ["spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"]],
  ["a job whose pods never end", job({ template: template({}, {}) }), ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"']],
  ["indexes without number", job({ completionMode: "Indexed", completions: undefined, parallelism: 1 }), ["spec.completions: Required value: when completion mode is Indexed"]],
  ["a rule about nothing", job({ podFailurePolicy: { rules: [{ action: "FailJob" }] } }), ["spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required"]],
  ["success of an index beyond the last", job({ completionMode: "Indexed", completions: 2, successPolicy: { rules: [{ succeededIndexes: "0-2" }] } }), ['spec.successPolicy.rules[0].succeededIndexes: Invalid value: "0-2": error parsing succeededIndexes: too large index: "2"']],
  ["success of more than what cannot be read", job({ completionMode: "Indexed", completions: 2, successPolicy: { rules: [{ succeededIndexes: "x", succeededCount: 1 }] } }), ['spec.successPolicy.rules[0].succeededIndexes: Invalid value: "x": error parsing succeededIndexes: cannot convert string to integer for index: "x"', "spec.successPolicy.rules[0].succeededCount: Invalid value: 1: must be less than or equal to 0 (the number of indexes in the specified succeededIndexes field)"]],
  ["a rule that does nothing", job({ podFailurePolicy: { rules: [{ action: "", onPodConditions: [{ type: "x", status: "" }] }] } }), ['spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]']],
  ["a manager without domain", job({ managedBy: "x" }), ['spec.managedBy: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")']],
  ["a schedule of one field", cronJob({ schedule: "x" }), ['spec.schedule: Invalid value: "x": expected exactly 5 fields, found 1: [x]']],
  ["the 70th minute", cronJob({ schedule: "70 * * * *" }), ['spec.schedule: Invalid value: "70 * * * *": end of range (70) above maximum (59): 70']],
  ["a time zone on Mars", cronJob({ timeZone: "Mars/Base" }), ['spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base']],
  ["a zone in the schedule", cronJob({ schedule: "TZ=UTC 0 * * * *" }), ['spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead']],
  ["a long name of a CronJob", cronJob({}, { name: "a".repeat(53) }), [`metadata.name: Invalid value: "${"a".repeat(53)}": must be no more than 52 characters`]],
];

for (const [title, given, expected] of wrong) test(`refuses ${title}`, (t) => t.deepEqual(refusals(given), expected));

for (const given of [...["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"].map((kind) => workload(kind)), job(), cronJob(), cronJob({ schedule: "@daily" }), cronJob({ schedule: "0 12 * jan-mar mon,fri" })]) {
  test(`accepts ${given.kind} ${JSON.stringify((given["spec"] as { schedule?: string }).schedule ?? "")}`, (t) => t.deepEqual(refusals(given), []));
}

test("selectors stay", (t) => {
  for (const kind of ["Deployment", "ReplicaSet", "DaemonSet"]) {
    const other = { matchLabels: { app: "b" } };
    const [refusal] = updateRefusals(workload(kind), (object) => ({ ...object, spec: { ...(object["spec"] as object), selector: other, template: template({}, { app: "b" }) } }));
    t.is(refusal, 'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable');
  }
});

test("a StatefulSet names what can change", (t) => {
  const change = (more: object) => updateRefusals(workload("StatefulSet"), (object) => ({ ...object, spec: { ...(object["spec"] as object), ...more } }));
  t.deepEqual(change({ replicas: 3, minReadySeconds: 2 }), []);
  t.regex(change({ serviceName: "other" })[0] ?? "", /^spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', /);
});

test("a DaemonSet counts changes of its template for old clients", (t) => {
  const old = created(workload("DaemonSet"));
  const count = (object: object) => (object as DaemonSet).metadata.annotations?.["deprecated.daemonset.template.generation"];
  t.is(count(old), "1");
  const prepare = kindOf("apps/v1", "DaemonSet").hooks.prepareForUpdate;
  const changed = { ...old, spec: { ...(old["spec"] as object), template: template({ hostname: "h" }) } };
  t.is(count(prepare?.(changed, old, writer) ?? {}), "2");
  t.is(count(prepare?.(old, old, writer) ?? {}), "1");
});

test("a Job finds its pods by its uid", (t) => {
  const { metadata, spec } = created(job()) as unknown as Job;
  const labels = { "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "a", "controller-uid": "u", "job-name": "a" };
  t.deepEqual(spec?.selector, { matchLabels: { "batch.kubernetes.io/controller-uid": "u" } });
  t.deepEqual(spec?.template.metadata?.labels, labels);
  t.deepEqual(metadata.labels, labels);
  t.like(spec, { completions: 1, parallelism: 1, backoffLimit: 6, completionMode: "NonIndexed", podReplacementPolicy: "TerminatingOrFailed" });
  t.is((defaulted(job({ parallelism: 3 })) as unknown as Job).spec?.completions, undefined);
});

test("the work of a Job stays, its places can change until it starts", (t) => {
  const change = (given: Given, more: object) => updateRefusals(given, (object) => ({ ...object, spec: { ...(object as unknown as Job).spec, ...more } }));
  t.deepEqual(change(job(), { completions: 9 }), ["spec.completions: Invalid value: 9: field is immutable"]);
  const placed = (given: Given) => {
    const { spec } = created(given) as unknown as Job;
    return { template: { ...spec?.template, spec: { ...spec?.template.spec, nodeSelector: { a: "b" } } } };
  };
  t.deepEqual(change(job({ suspend: true }), placed(job({ suspend: true }))), []);
  t.regex(change(job(), placed(job()))[0] ?? "", /^spec\.template: Invalid value: \{"labels":.*"Spec":\{"Volumes":null,.*field is immutable$/);
});

test("counters of a Job only grow", (t) => {
  const report = (status: object) => (object: object) => ({ ...object, status });
  t.deepEqual(updateRefusals(job(), report({ succeeded: -1 }), "status"), [
    "status.succeeded: Invalid value: -1: must be greater than or equal to 0",
    "status.succeeded: Invalid value: -1: cannot decrease the succeeded counter",
  ]);
});

test("the name of a workload becomes the name of hosts", (t) => {
  const [warning] = warnings({ ...workload("Deployment"), metadata: { name: "a.b" } });
  t.is(warning, "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]");
});

test("columns of a Job and a CronJob", (t) => {
  const minute = 60_000;
  const done = { ...created(job({ completions: 5 })), status: { succeeded: 5, startTime: "1970-01-01T00:00:00Z", completionTime: "1970-01-01T00:03:00Z", conditions: [{ type: "Complete", status: "True" }] } };
  t.like(cells(done, 9 * minute), { Status: "Complete", Completions: "5/5", Duration: "3m" });
  t.like(cells(created(cronJob({ suspend: true }))), { Schedule: "*/5 * * * *", Timezone: "<none>", Suspend: "True", "Last Schedule": "<none>" });
});

test("a claim template is checked as a claim when the set is new", (t) => {
  const set = { ...workload("StatefulSet"), spec: { ...(workload("StatefulSet")["spec"] as object), serviceName: "a.b", volumeClaimTemplates: [{ metadata: { name: "v" }, spec: {} }] } };
  t.deepEqual(refusals(set), [
    "spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required",
    "spec.volumeClaimTemplates[0].spec.resources[storage]: Required value",
    'spec.serviceName: Invalid value: "a.b": must not contain dots',
  ]);
  t.deepEqual(updateRefusals(set, (object) => object), []);
});

test("a suspended Job may still ask for other amounts", (t) => {
  const suspended = job({ suspend: true });
  const { spec } = created(suspended) as unknown as Job;
  const containers = (spec?.template.spec?.containers ?? []).map((container) => ({ ...container, resources: { limits: { cpu: "2" } } }));
  const change = (object: object) => ({ ...object, spec: { ...spec, template: { ...spec?.template, spec: { ...spec?.template.spec, containers } } } });
  t.deepEqual(updateRefusals(suspended, change), []);
});

test("a Job without labels takes those of its template, with what finds its pods", (t) => {
  const made = created(job({ template: template({ restartPolicy: "Never" }, { app: "a" }) }));
  t.like(made.metadata.labels, { app: "a", "job-name": "a", "batch.kubernetes.io/controller-uid": "u" });
  const labelled = created({ ...job({ template: template({ restartPolicy: "Never" }, { app: "a" }) }), metadata: { labels: { mine: "b" } } });
  t.deepEqual(labelled.metadata.labels, { mine: "b" });
});

test("a claim template brings a volume of its name, before those of the pods", (t) => {
  const claims = [{ metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } }];
  const mounting = { containers: [{ name: "c", image: "busybox", volumeMounts: [{ name: "data", mountPath: "/d" }] }] };
  t.deepEqual(refusals(workload("StatefulSet", { volumeClaimTemplates: claims, template: template(mounting) })), []);
  const nameless = workload("StatefulSet", { volumeClaimTemplates: claims, template: template({ ...mounting, hostname: "not.valid", volumes: [{ name: "", emptyDir: {} }] }) });
  t.deepEqual(refusals(nameless), ["spec.template.spec.volumes[1].name: Required value"], "the hostname is the set's to give");
});

test("what is wrong with a changed Job is said of it as a Job and as a change", (t) => {
  const broken = { rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [0] } }] };
  const errors = updateRefusals(job({ podFailurePolicy: { rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [1] } }] } }), (object) => ({
    ...object,
    spec: { ...(object as unknown as Job).spec, podFailurePolicy: broken },
  }));
  const zero = "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator";
  t.deepEqual(errors, [
    zero,
    zero,
    'spec.podFailurePolicy: Invalid value: {"Rules":[{"Action":"FailJob","OnExitCodes":{"ContainerName":null,"Operator":"In","Values":[0]},"OnPodConditions":null}]}: field is immutable',
  ]);
});

test("of the affinity of a suspended Job only that to nodes can change", (t) => {
  const suspended = job({ suspend: true });
  const withAffinity = (affinity: object) => (object: object) => {
    const { spec } = object as Job;
    return { ...object, spec: { ...spec, template: { ...spec?.template, spec: { ...spec?.template.spec, affinity } } } };
  };
  const term = { topologyKey: "zone", labelSelector: { matchLabels: { a: "b" } } };
  t.deepEqual(updateRefusals(suspended, withAffinity({ nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: "k", operator: "Exists" }] }] } } })), []);
  t.regex(updateRefusals(suspended, withAffinity({ podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } }))[0] ?? "", /^spec\.template\.spec: Invalid value: .*field is immutable$/);
});

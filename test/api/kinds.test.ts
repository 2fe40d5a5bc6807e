import test from "ava";
import { builtinKinds } from "../../core/api/kinds/built-in.ts";
import { kindTable } from "../../core/api/kind-table.ts";
import type { AnyObject } from "../../core/api/meta.ts";

const table = kindTable(builtinKinds());
const validate = () => [];
const warnings = () => ["use v2"];

test("every row has a type with metadata of its own version", (t) => {
  for (const kind of table.all()) {
    t.true(kind.schema.name.endsWith(`.${kind.version}.${kind.kind}`), kind.kind);
    t.true(kind.schema.fields.has("metadata"), kind.kind);
  }
});

test("names are unique: no resource, and no short name of one group, comes twice", (t) => {
  const resources = table.all().map((kind) => `${kind.group}/${kind.version}/${kind.plural}`);
  t.is(new Set(resources).size, resources.length);
  t.is(table.byResource("apps", "v1", "deployments")?.kind, "Deployment");
  t.is(table.byKind("", "v1", "Pod")?.plural, "pods");
  t.is(table.byKind("", "v1", "Deployment"), undefined);
});

test("reviews can only be created", (t) => {
  const reviews = table.all().filter((kind) => kind.kind.endsWith("Review"));
  t.is(reviews.length, 6);
  for (const kind of reviews) t.deepEqual(kind.verbs, ["create"]);
});

test("every row's storage version is served", (t) => {
  for (const kind of table.all()) {
    t.truthy(table.byResource(kind.storageGroup ?? kind.group, kind.storageVersion, kind.plural), kind.kind);
  }
});

test("a row that is not the stored form converts both ways", (t) => {
  for (const kind of table.all()) {
    const foreign = kind.storageGroup !== undefined || kind.storageVersion !== kind.version;
    t.is(kind.hooks.toStored !== undefined, foreign, kind.kind);
    t.is(kind.hooks.fromStored !== undefined, foreign, kind.kind);
  }
});

test("hooks are joined by group and kind, and by version where one version alone has them", (t) => {
  const kinds = kindTable(
    builtinKinds({ "autoscaling/HorizontalPodAutoscaler": { validate }, "autoscaling/v1/HorizontalPodAutoscaler": { warnings } }),
  );
  const v1 = kinds.byKind("autoscaling", "v1", "HorizontalPodAutoscaler");
  const v2 = kinds.byKind("autoscaling", "v2", "HorizontalPodAutoscaler");
  t.is(v1?.hooks.validate, validate);
  t.is(v2?.hooks.validate, validate);
  t.is(v1?.hooks.warnings, warnings);
  t.is(v2?.hooks.warnings, undefined);
});

test("rows come and go while the server runs", (t) => {
  const changing = kindTable(builtinKinds());
  const pod = changing.byKind("", "v1", "Pod");
  if (pod === undefined) throw new Error("no row for Pod");
  const before = changing.revision();
  changing.set({ ...pod, group: "example.com", kind: "Thing", plural: "things" });
  t.is(changing.byResource("example.com", "v1", "things")?.kind, "Thing");
  t.true(changing.revision() > before);
  t.is(changing.all().length, table.all().length + 1);

  changing.set({ ...pod, group: "example.com", kind: "Widget", plural: "things" });
  t.is(changing.byKind("example.com", "v1", "Thing"), undefined);
  t.is(changing.byKind("example.com", "v1", "Widget")?.plural, "things");

  t.true(changing.remove("example.com", "v1", "things"));
  t.false(changing.remove("example.com", "v1", "things"));
  t.is(changing.byKind("example.com", "v1", "Widget"), undefined);
  t.is(changing.all().length, table.all().length);
});

test("an event of events.k8s.io is stored under the names of core and comes back unchanged", (t) => {
  const row = table.byKind("events.k8s.io", "v1", "Event");
  const event: AnyObject = {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: "a", namespace: "default" },
    eventTime: "2026-01-02T03:04:05.000006Z",
    reportingController: "example.com/controller",
    reportingInstance: "one",
    action: "Binding",
    reason: "Scheduled",
    regarding: { kind: "Pod", name: "p" },
    note: "assigned",
    type: "Normal",
    deprecatedSource: {},
    deprecatedFirstTimestamp: null,
    deprecatedLastTimestamp: null,
  };
  const stored = row?.hooks.toStored?.(event);
  t.like(stored, {
    apiVersion: "v1",
    kind: "Event",
    involvedObject: { kind: "Pod", name: "p" },
    message: "assigned",
    reportingComponent: "example.com/controller",
    source: {},
    firstTimestamp: null,
  });
  t.deepEqual(stored && row?.hooks.fromStored?.(stored), event);
});

const autoscaler: AnyObject = {
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name: "a", annotations: { mine: "kept" } },
  spec: {
    scaleTargetRef: { kind: "Deployment", name: "a", apiVersion: "apps/v1" },
    maxReplicas: 5,
    metrics: [
      { type: "Pods", pods: { metric: { name: "rate" }, target: { type: "AverageValue", averageValue: "10" } } },
      { type: "Object", object: { describedObject: { kind: "Service", name: "s" }, metric: { name: "hits" }, target: { type: "Value", value: "2k" } } },
      { type: "Resource", resource: { name: "memory", target: { type: "Utilization", averageUtilization: 60 } } },
      { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 75 } } },
    ],
    behavior: { scaleUp: { stabilizationWindowSeconds: 0, policies: [{ type: "Pods", value: 4, periodSeconds: 15 }] } },
  },
  status: {
    currentReplicas: 2,
    desiredReplicas: 3,
    currentMetrics: [{ type: "Resource", resource: { name: "cpu", current: { averageUtilization: 70, averageValue: "1" } } }],
    conditions: [{ type: "AbleToScale", status: "True", lastTransitionTime: null }],
  },
};

test("an autoscaler keeps in v1 what v1 has no fields for", (t) => {
  const hooks = table.byKind("autoscaling", "v1", "HorizontalPodAutoscaler")?.hooks;
  const v1 = hooks?.fromStored?.(autoscaler);
  t.like(v1, {
    apiVersion: "autoscaling/v1",
    spec: { maxReplicas: 5, targetCPUUtilizationPercentage: 75 },
    status: { currentReplicas: 2, desiredReplicas: 3, currentCPUUtilizationPercentage: 70 },
  });
  t.is(v1?.metadata.annotations?.["mine"], "kept");
  t.like(JSON.parse(v1?.metadata.annotations?.["autoscaling.alpha.kubernetes.io/metrics"] ?? "")[0], {
    type: "Pods",
    pods: { metricName: "rate", targetAverageValue: "10" },
  });
  t.deepEqual(v1 && hooks?.toStored?.(v1), autoscaler);
});

test("the annotations of an autoscaler in v1 are those that Kubernetes writes", (t) => {
  const hooks = table.byKind("autoscaling", "v1", "HorizontalPodAutoscaler")?.hooks;
  const object = { describedObject: { kind: "Service", name: "s" }, metric: { name: "hits" } };
  const v1 = hooks?.fromStored?.({
    ...autoscaler,
    spec: { metrics: [{ type: "Object", object: { ...object, target: { type: "AverageValue", averageValue: "3" } } }], behavior: { scaleUp: { policies: [{ type: "Pods", value: 4, periodSeconds: 15 }] } } },
    status: { currentMetrics: [{ type: "Resource", resource: { name: "cpu", current: { averageUtilization: 7 } } }, { type: "Pods", pods: { metric: { name: "rate" }, current: {} } }] },
  });
  const prefix = "autoscaling.alpha.kubernetes.io/";
  t.deepEqual(v1?.metadata.annotations, {
    mine: "kept",
    [`${prefix}behavior`]: '{"ScaleUp":{"StabilizationWindowSeconds":null,"SelectPolicy":null,"Policies":[{"Type":"Pods","Value":4,"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":null}',
    [`${prefix}current-metrics`]: '[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":7,"currentAverageValue":"0"}},{"type":"Pods","pods":{"metricName":"rate","currentAverageValue":"0"}}]',
    [`${prefix}metrics`]: '[{"type":"Object","object":{"target":{"kind":"Service","name":"s"},"metricName":"hits","targetValue":"0","averageValue":"3"}}]',
  });
  t.like(v1, { status: { currentCPUUtilizationPercentage: 7 } });
  // a zero that stands for nothing is none again
  t.like(v1 && hooks?.toStored?.(v1), { spec: { metrics: [{ type: "Object", object: { ...object, target: { type: "AverageValue", averageValue: "3" } } }] } });
});

test("an annotation that is no JSON does not break an autoscaler", (t) => {
  const hooks = table.byKind("autoscaling", "v1", "HorizontalPodAutoscaler")?.hooks;
  const stored = hooks?.toStored?.({
    apiVersion: "autoscaling/v1",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "a", annotations: { "autoscaling.alpha.kubernetes.io/metrics": "{" } },
    spec: { maxReplicas: 1, targetCPUUtilizationPercentage: 50 },
  });
  t.like(stored, { spec: { metrics: [{ type: "Resource", resource: { name: "cpu" } }] } });
  t.is(stored?.metadata.annotations, undefined);
});

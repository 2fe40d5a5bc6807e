/** StatefulSets: defaults, rules and columns. */
import type { KindHooks } from "../kinds.ts";
import { dns1123Label } from "../names.ts";
import type { PodTemplateSpec, StatefulSet, StatefulSetSpec } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapAll, mapField, without } from "./fill.ts";
import { change, checking, checkingUpdate } from "./hook-types.ts";
import { templateWarnings } from "./pod-warnings.ts";
import { defaultTemplate } from "./template-defaults.ts";
import { validateClaimSpec } from "./validate/claim-spec.ts";
import { type Errors, check, forbidden, invalid, isEmpty, oneOf, required } from "./validate/errors.ts";
import { validateAnnotations, validateLabels } from "./validate/labels.ts";
import { atMostHundredPercent, countOrPercent, notNegative, plainValue } from "./validate/numbers.ts";
import { validatePodAnnotations } from "./validate/pod-annotations.ts";
import { alwaysRestarted, validatePodTemplate, validateSelectorMatch, validateWorkloadSelector } from "./validate/pod-template.ts";
import { notDecremented, validateCounts, validateParts } from "./validate/replicas-status.ts";
import { same } from "./validate/same.ts";
import { containersColumn, imagesColumn } from "./workload-columns.ts";

const column = columnsOf<StatefulSet>();
const COUNTS = ["replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas", "observedGeneration", "collisionCount"];
const CHANGEABLE = ["replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit", "persistentVolumeClaimRetentionPolicy", "minReadySeconds"] as const;
const RETENTION = ["Retain", "Delete"];

export const statefulSetHooks: KindHooks = {
  setDefaults: change<StatefulSet>((object) => mapField(object, "spec", defaultSpec)),
  prepareForCreate: (object) => ({ ...object, status: { replicas: 0, availableReplicas: 0 } }),
  validate: checking((errors, object: StatefulSet) => validateStatefulSet(errors, object, true)),
  validateUpdate: checkingUpdate((errors, next: StatefulSet, old: StatefulSet) => {
    validateStatefulSet(errors, next, false);
    if (!same(without(next.spec ?? {}, ...CHANGEABLE), without(old.spec ?? {}, ...CHANGEABLE))) {
      const named = CHANGEABLE.slice(0, -1).map((field) => `'${field}'`);
      forbidden(errors, "spec", `updates to statefulset spec for fields other than ${named.join(", ")} and 'minReadySeconds' are forbidden`);
    }
  }),
  validateSubresource: {
    status: checkingUpdate((errors, { status }: StatefulSet, { status: old }: StatefulSet) => {
      validateCounts(errors, status, COUNTS);
      validateParts(errors, status, ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"], "replicas", "status.replicas");
      validateParts(errors, status, ["availableReplicas"], "readyReplicas", "status.readyReplicas");
      notDecremented(errors, "collisionCount", status?.collisionCount, old?.collisionCount);
    }),
  },
  warnings: (object, old) => {
    const { spec } = object as unknown as StatefulSet;
    if (old !== undefined && same(spec, (old as unknown as StatefulSet).spec)) return [];
    const limit = spec?.revisionHistoryLimit ?? 0;
    const history = limit < 0 ? ["spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"] : [];
    return [...templateWarnings("spec.template", spec?.template), ...history];
  },
  columns: [nameColumn, column("Ready", ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`), ageColumn, containersColumn, imagesColumn],
};

function defaultSpec(spec: StatefulSetSpec): StatefulSetSpec {
  let filled = fill(spec, {
    podManagementPolicy: "OrderedReady",
    updateStrategy: {},
    replicas: 1,
    revisionHistoryLimit: 10,
    persistentVolumeClaimRetentionPolicy: {},
  });
  filled = mapField(filled, "updateStrategy", (strategy) => {
    const typed = isEmpty(strategy.type) ? { ...strategy, type: "RollingUpdate" as const, rollingUpdate: strategy.rollingUpdate ?? {} } : strategy;
    return typed.type === "RollingUpdate" ? mapField(typed, "rollingUpdate", (rolling) => fill(rolling, { partition: 0 })) : typed;
  });
  filled = mapField(filled, "persistentVolumeClaimRetentionPolicy", (policy) => fill(policy, { whenDeleted: "Retain", whenScaled: "Retain" }));
  filled = mapField(filled, "volumeClaimTemplates", (claims) =>
    mapAll(claims, (claim) => {
      const typed = { ...fill(claim, { status: {} }), apiVersion: "v1", kind: "PersistentVolumeClaim" };
      return mapField(mapField(typed, "spec", (one) => fill(one, { volumeMode: "Filesystem" })), "status", (status) => fill(status, { phase: "Pending" }));
    }),
  );
  return mapField(filled, "template", defaultTemplate);
}

/** `isNew`: an update cannot change these, and has to be possible where older rules let them in */
function validateStatefulSet(errors: Errors, { spec }: StatefulSet, isNew: boolean): void {
  const policy = spec?.podManagementPolicy;
  if (isEmpty(policy)) required(errors, "spec.podManagementPolicy");
  else if (policy !== "OrderedReady" && policy !== "Parallel") invalid(errors, "spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'");
  validateUpdateStrategy(errors, "spec.updateStrategy", spec?.updateStrategy ?? {});
  const { whenDeleted, whenScaled } = spec?.persistentVolumeClaimRetentionPolicy ?? {};
  if (spec?.persistentVolumeClaimRetentionPolicy !== undefined) {
    oneOf(errors, "spec.persistentVolumeClaimRetentionPolicy.whenDeleted", whenDeleted, RETENTION);
    oneOf(errors, "spec.persistentVolumeClaimRetentionPolicy.whenScaled", whenScaled, RETENTION);
  }
  if (isNew) spec?.volumeClaimTemplates?.forEach((claim, index) => validateClaimSpec(errors, `spec.volumeClaimTemplates[${index}].spec`, claim.spec ?? {}));
  notNegative(errors, "spec.replicas", spec?.replicas);
  notNegative(errors, "spec.minReadySeconds", spec?.minReadySeconds);
  notNegative(errors, "spec.ordinals.start", spec?.ordinals?.start);
  if (isNew && !isEmpty(spec?.serviceName)) check(errors, "spec.serviceName", spec?.serviceName ?? "", dns1123Label);
  if (!validateWorkloadSelector(errors, "spec.selector", spec?.selector, { empty: "empty selector is invalid for statefulset", unreadable: "" })) return;
  validateSelectorMatch(errors, "spec.template", spec?.selector, spec?.template);
  const { labels, annotations } = spec?.template?.metadata ?? {};
  validatePodTemplate(errors, "spec.template", templateOfPods(spec));
  // once with the template, once for the set, as in Kubernetes
  validateLabels(errors, "spec.template.labels", labels);
  validateAnnotations(errors, "spec.template.annotations", annotations);
  validatePodAnnotations(errors, "spec.template.annotations", annotations, spec?.template?.spec);
  alwaysRestarted(errors, "spec.template", spec?.template, "StatefulSet");
}

/** As the pods of the set get it: with the volumes of their claims before the others, and names of their own. */
function templateOfPods(spec: StatefulSetSpec | undefined): PodTemplateSpec | undefined {
  const { template, volumeClaimTemplates = [] } = spec ?? ({} as Partial<StatefulSetSpec>);
  if (template?.spec === undefined) return template;
  const claims = new Set(volumeClaimTemplates.map(({ metadata }) => metadata?.name ?? ""));
  const volumes = [...[...claims].map((name) => ({ name, persistentVolumeClaim: { claimName: name } })), ...(template.spec.volumes ?? []).filter(({ name }) => !claims.has(name))];
  return { ...template, spec: { ...without(template.spec, "hostname", "subdomain"), volumes } };
}

function validateUpdateStrategy(errors: Errors, path: string, { type, rollingUpdate }: NonNullable<StatefulSetSpec["updateStrategy"]>): void {
  const shown = rollingUpdate === undefined ? null : { Partition: rollingUpdate.partition ?? 0, MaxUnavailable: rollingUpdate.maxUnavailable ?? null };
  if (isEmpty(type)) return required(errors, path);
  if (type === "OnDelete") {
    if (rollingUpdate !== undefined) invalid(errors, `${path}.rollingUpdate`, shown, "only allowed for updateStrategy 'RollingUpdate'");
    return;
  }
  if (type !== "RollingUpdate") return invalid(errors, path, { Type: type, RollingUpdate: shown }, "must be 'RollingUpdate' or 'OnDelete'");
  notNegative(errors, `${path}.rollingUpdate.partition`, rollingUpdate?.partition);
  const { maxUnavailable } = rollingUpdate ?? {};
  if (maxUnavailable === undefined) return;
  const at = `${path}.rollingUpdate.maxUnavailable`;
  countOrPercent(errors, at, maxUnavailable);
  if (plainValue(maxUnavailable) === 0) invalid(errors, at, maxUnavailable, "cannot be 0");
  atMostHundredPercent(errors, at, maxUnavailable);
}

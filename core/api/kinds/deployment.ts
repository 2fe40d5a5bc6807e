/** Deployments: defaults, rules and columns. */
import type { KindHooks } from "../kinds.ts";
import type { Deployment, DeploymentStrategy } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapField, without } from "./fill.ts";
import { change, checking, checkingUpdate, immutable } from "./hook-types.ts";
import { templateOwnerWarnings } from "./pod-warnings.ts";
import { defaultTemplate } from "./template-defaults.ts";
import { type Errors, forbidden, invalid, notSupported } from "./validate/errors.ts";
import { shownSelector } from "./validate/labels.ts";
import { atMostHundredPercent, countOrPercent, notNegative, plainValue } from "./validate/numbers.ts";
import { validateReplicatedTemplate } from "./validate/replicated-template.ts";
import { notDecremented, validateCounts, validateParts } from "./validate/replicas-status.ts";
import { containersColumn, imagesColumn, selectorColumn } from "./workload-columns.ts";

const column = columnsOf<Deployment>();
const COUNTS = ["observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas", "terminatingReplicas", "collisionCount"];

export const deploymentHooks: KindHooks = {
  setDefaults: change<Deployment>((object) =>
    mapField(object, "spec", (spec) => {
      const filled = fill(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, strategy: {} });
      return mapField(mapField(filled, "strategy", defaultStrategy), "template", defaultTemplate);
    }),
  ),
  prepareForCreate: (object) => ({ ...object, status: {} }),
  mergeSubresource: {
    status: (update, old) => {
      const { labels, ownerReferences } = old.metadata;
      const metadata = { ...without(update.metadata, "labels", "ownerReferences"), ...(labels === undefined ? {} : { labels }), ...(ownerReferences === undefined ? {} : { ownerReferences }) };
      return { ...old, metadata, status: update.status };
    },
  },
  validate: checking(validateDeployment),
  validateUpdate: checkingUpdate((errors, next: Deployment, old: Deployment) => {
    validateDeployment(errors, next);
    immutable(errors, "spec.selector", next.spec?.selector, old.spec?.selector, shownSelector(next.spec?.selector ?? {}));
  }),
  validateSubresource: {
    status: checkingUpdate((errors, { status }: Deployment, { status: old }: Deployment) => {
      validateCounts(errors, status, COUNTS);
      validateParts(errors, status, ["updatedReplicas", "readyReplicas", "availableReplicas"], "replicas", "status.replicas");
      validateParts(errors, status, ["availableReplicas"], "readyReplicas", "readyReplicas");
      notDecremented(errors, "collisionCount", status?.collisionCount, old?.collisionCount);
    }),
  },
  warnings: templateOwnerWarnings,
  columns: [
    nameColumn,
    column("Ready", ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    column("Up-to-date", ({ status }) => status?.updatedReplicas ?? 0),
    column("Available", ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
};

function defaultStrategy(strategy: DeploymentStrategy): DeploymentStrategy {
  const typed = fill(strategy, { type: "RollingUpdate" });
  if (typed.type !== "RollingUpdate") return typed;
  return { ...typed, rollingUpdate: fill(typed.rollingUpdate ?? {}, { maxUnavailable: "25%", maxSurge: "25%" }) };
}

function validateDeployment(errors: Errors, { spec }: Deployment): void {
  notNegative(errors, "spec.replicas", spec?.replicas);
  validateReplicatedTemplate(errors, spec?.selector, spec?.template, { empty: "empty selector is invalid for deployment", unreadable: "invalid label selector" });
  validateStrategy(errors, "spec.strategy", spec?.strategy ?? {});
  notNegative(errors, "spec.minReadySeconds", spec?.minReadySeconds);
  notNegative(errors, "spec.revisionHistoryLimit", spec?.revisionHistoryLimit);
  const { progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec ?? {};
  if (deadline === undefined) return;
  notNegative(errors, "spec.progressDeadlineSeconds", deadline);
  if (deadline <= minReadySeconds) invalid(errors, "spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds");
}

function validateStrategy(errors: Errors, path: string, { type, rollingUpdate }: DeploymentStrategy): void {
  if (type === "Recreate") {
    if (rollingUpdate !== undefined) forbidden(errors, `${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'");
    return;
  }
  if (type !== "RollingUpdate") {
    const shown = { Type: type ?? "", RollingUpdate: rollingUpdate === undefined ? null : { MaxUnavailable: rollingUpdate.maxUnavailable ?? 0, MaxSurge: rollingUpdate.maxSurge ?? 0 } };
    return notSupported(errors, path, shown, ["Recreate", "RollingUpdate"]);
  }
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate ?? {};
  const at = `${path}.rollingUpdate`;
  countOrPercent(errors, `${at}.maxUnavailable`, maxUnavailable);
  countOrPercent(errors, `${at}.maxSurge`, maxSurge);
  if (plainValue(maxUnavailable) === 0 && plainValue(maxSurge) === 0) invalid(errors, `${at}.maxUnavailable`, maxUnavailable, "may not be 0 when `maxSurge` is 0");
  atMostHundredPercent(errors, `${at}.maxUnavailable`, maxUnavailable);
}

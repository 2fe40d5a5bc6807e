/** Deployments and ReplicaSets: defaults and columns. */
import { formatSelector, selectorOf } from "../selector.ts";
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import type { Deployment, LabelSelector, PodTemplateSpec, ReplicaSet } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { fill, mapField } from "./fill.ts";
import { defaultPodSpec } from "./pod-spec-defaults.ts";

export function defaultTemplate(template: PodTemplateSpec): PodTemplateSpec {
  return mapField(template, "spec", defaultPodSpec);
}

const deployment = columnsOf<Deployment>();
const replicaSet = columnsOf<ReplicaSet>();

export const deploymentHooks: KindHooks = {
  setDefaults: (object) =>
    mapField(object as unknown as Deployment, "spec", (spec) => {
      const filled = fill(spec, {
        replicas: 1,
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
        strategy: {},
      });
      const strategic = mapField(filled, "strategy", (strategy) => {
        const typed = fill(strategy, { type: "RollingUpdate" });
        if (typed.type !== "RollingUpdate") return typed;
        return { ...typed, rollingUpdate: fill(typed.rollingUpdate ?? {}, { maxUnavailable: "25%", maxSurge: "25%" }) };
      });
      return mapField(strategic, "template", defaultTemplate);
    }) as unknown as AnyObject,
  columns: [
    nameColumn,
    deployment("Ready", ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    deployment("Up-to-date", ({ status }) => status?.updatedReplicas ?? 0),
    deployment("Available", ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    deployment("Containers", ({ spec }) => containerNames(spec?.template), { wide: true }),
    deployment("Images", ({ spec }) => images(spec?.template), { wide: true }),
    deployment("Selector", ({ spec }) => selectorText(spec?.selector), { wide: true }),
  ],
};

export const replicaSetHooks: KindHooks = {
  setDefaults: (object) =>
    mapField(object as unknown as ReplicaSet, "spec", (spec) => mapField(fill(spec, { replicas: 1 }), "template", defaultTemplate)) as unknown as AnyObject,
  columns: [
    nameColumn,
    replicaSet("Desired", ({ spec }) => spec?.replicas ?? 0, { type: "integer" }),
    replicaSet("Current", ({ status }) => status?.replicas ?? 0, { type: "integer" }),
    replicaSet("Ready", ({ status }) => status?.readyReplicas ?? 0, { type: "integer" }),
    ageColumn,
    replicaSet("Containers", ({ spec }) => containerNames(spec?.template), { wide: true }),
    replicaSet("Images", ({ spec }) => images(spec?.template), { wide: true }),
    replicaSet("Selector", ({ spec }) => selectorText(spec?.selector), { wide: true }),
  ],
  selectableFields: { "status.replicas": (object) => String((object as unknown as ReplicaSet).status?.replicas ?? 0) },
};

export const containerNames = (template: PodTemplateSpec | undefined) => (template?.spec?.containers ?? []).map((one) => one.name).join(",");
export const images = (template: PodTemplateSpec | undefined) => (template?.spec?.containers ?? []).map((one) => one.image ?? "").join(",");
export const selectorText = (selector: LabelSelector | undefined) => (selector === undefined ? "<none>" : formatSelector(selectorOf(selector)) || "<none>");

/** Columns that every workload has with -o wide: its containers, their images and how it finds its pods. */
import { formatSelector } from "../selector.ts";
import type { Column } from "../kinds.ts";
import type { LabelSelector, PodTemplateSpec } from "../types.gen.ts";
import { columnsOf } from "./column.ts";

interface Workload {
  readonly spec?: { readonly template?: PodTemplateSpec; readonly selector?: LabelSelector };
}

const column = columnsOf<Workload>();

export const containerNames = (template: PodTemplateSpec | undefined) => (template?.spec?.containers ?? []).map((one) => one.name).join(",");
export const images = (template: PodTemplateSpec | undefined) => (template?.spec?.containers ?? []).map((one) => one.image ?? "").join(",");
export const selectorText = (selector: LabelSelector | undefined) => (selector === undefined ? "<none>" : formatSelector(selector) || "<none>");
export const labelsText = (labels: { readonly [key: string]: string } | undefined) =>
  Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(",") || "<none>";

export const containersColumn: Column = column("Containers", ({ spec }) => containerNames(spec?.template), { wide: true });
export const imagesColumn: Column = column("Images", ({ spec }) => images(spec?.template), { wide: true });
export const selectorColumn: Column = column("Selector", ({ spec }) => selectorText(spec?.selector), { wide: true });

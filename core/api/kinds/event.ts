/** Events of both groups: what the two forms require, and one set of columns. Errors name the fields of the stored form. */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { qualifiedName } from "../names.ts";
import type { Event } from "../types.gen.ts";
import { ageOf } from "./age.ts";
import { columnsOf, nameColumn } from "./column.ts";
import { eventConversion } from "./convert-event.ts";
import { checking, checkingUpdate, immutable } from "./hook-types.ts";
import { type Errors, check, invalid, isEmpty, required } from "./validate/errors.ts";
import { internalForm } from "./validate/internal-form.ts";
import { same } from "./validate/same.ts";

const column = columnsOf<Event>();
const NOTE_LENGTH = 1024;
const TEXT_LENGTH = 128;
const wide = { wide: true } as const;

const columns: KindHooks["columns"] = [
  column("Last Seen", (event, now) => lastSeen(event, now)),
  column("Type", ({ type }) => type ?? ""),
  column("Reason", ({ reason }) => reason ?? ""),
  column("Object", ({ involvedObject }) => objectText(involvedObject)),
  column("Subobject", ({ involvedObject }) => involvedObject?.fieldPath ?? "", wide),
  column("Source", sourceText, wide),
  column("Message", ({ message }) => (message ?? "").trim()),
  column("First Seen", (event, now) => firstSeen(event, now), wide),
  column("Count", ({ series, count = 0 }) => series?.count ?? (count === 0 ? 1 : count), wide),
  { ...nameColumn, priority: 1 },
];

const selectable = (read: (event: Event) => string | undefined) => (object: AnyObject) => read(object as unknown as Event) ?? "";

const selectableFields: KindHooks["selectableFields"] = {
  "involvedObject.kind": selectable(({ involvedObject }) => involvedObject?.kind),
  "involvedObject.namespace": selectable(({ involvedObject }) => involvedObject?.namespace),
  "involvedObject.name": selectable(({ involvedObject }) => involvedObject?.name),
  "involvedObject.uid": selectable(({ involvedObject }) => involvedObject?.uid),
  "involvedObject.apiVersion": selectable(({ involvedObject }) => involvedObject?.apiVersion),
  "involvedObject.resourceVersion": selectable(({ involvedObject }) => involvedObject?.resourceVersion),
  "involvedObject.fieldPath": selectable(({ involvedObject }) => involvedObject?.fieldPath),
  reason: selectable(({ reason }) => reason),
  reportingComponent: selectable(({ reportingComponent }) => reportingComponent),
  source: selectable(({ reportingComponent, source }) => (isEmpty(source?.component) ? reportingComponent : source?.component)),
  type: selectable(({ type }) => type),
};

export const eventHooks: KindHooks = {
  validate: checking((errors: Errors, event: Event) => validateShared(errors, event, "reportingComponent")),
  validateUpdate: checkingUpdate((errors, next: Event) => validateShared(errors, next, "reportingComponent")),
  columns,
  selectableFields,
};

const stored = (object: AnyObject): AnyObject => eventConversion.toStored?.(object) ?? object;
const storedEvent = (object: AnyObject) => stored(object) as unknown as Event;
/** What stays as it was made, with what an absent one is: the zero of a text or number, or a structure. The reason counts twice. */
const FIXED: readonly (readonly [field: keyof Event, absent: unknown, type?: string])[] = [
  ["involvedObject", {}, "ObjectReference"], ["reason", ""], ["message", ""], ["source", {}, "EventSource"], ["firstTimestamp", null], ["lastTimestamp", null], ["count", 0], ["reason", ""], ["type", ""],
  ["eventTime", null], ["action", ""], ["related", null, "ObjectReference"], ["reportingComponent", ""], ["reportingInstance", ""],
];

export const eventV1Hooks: KindHooks = {
  validate: checking((errors: Errors, object: AnyObject) => validateNew(errors, storedEvent(object))),
  validateUpdate: checkingUpdate((errors, next: AnyObject, old: AnyObject) => {
    const [event, before] = [storedEvent(next), storedEvent(old)];
    validateShared(errors, event, "reportingController");
    if (!same(event.series, before.series)) validateSeries(errors, event);
    for (const [field, absent, type] of FIXED) {
      const value = event[field] ?? absent;
      const shown = type === undefined || value === null ? value : internalForm(type, value as object);
      immutable(errors, field === "reportingComponent" ? "reportingController" : field, value, before[field] ?? absent, shown);
    }
  }),
  columns: columns.map((one) => ({ ...one, cell: (object, now) => one.cell(stored(object), now) })),
  selectableFields: Object.fromEntries(
    Object.entries(selectableFields).map(([path, read]) => [path.replace("involvedObject", "regarding").replace("reportingComponent", "reportingController"), (object) => read(stored(object))] as const),
  ),
};

function validateShared(errors: Errors, event: Event, controllerField: string): void {
  const { namespace = "" } = event.metadata;
  const { namespace: about = "" } = event.involvedObject ?? {};
  const isOld = isEmpty(event.eventTime);
  const homes = isOld ? ["", "default"] : ["default", "kube-system"];
  const wrongPlace = about === "" ? !homes.includes(namespace) : isOld && namespace !== about;
  if (wrongPlace) invalid(errors, "involvedObject.namespace", about, "does not match event.namespace");
  if (isOld) return;
  const { reportingComponent = "", reportingInstance = "", action = "", reason = "", message = "" } = event;
  if (reportingComponent === "") required(errors, controllerField);
  check(errors, controllerField, reportingComponent, qualifiedName);
  for (const [field, value] of [["reportingInstance", reportingInstance], ["action", action], ["reason", reason]] as const) {
    if (value === "") required(errors, field);
    if (value.length > TEXT_LENGTH) invalid(errors, field, "", `can have at most ${TEXT_LENGTH} characters`);
  }
  if (message.length > NOTE_LENGTH) invalid(errors, "message", "", `can have at most ${NOTE_LENGTH} characters`);
}

function validateNew(errors: Errors, event: Event): void {
  validateShared(errors, event, "reportingController");
  validateSeries(errors, event);
  const { eventTime, type, firstTimestamp, lastTimestamp, count = 0, source } = event;
  if (isEmpty(eventTime)) required(errors, "eventTime");
  if (type !== "Normal" && type !== "Warning") invalid(errors, "type", "", `has invalid value: ${type ?? ""}`);
  if (!isEmpty(firstTimestamp)) invalid(errors, "firstTimestamp", "", "needs to be unset");
  if (!isEmpty(lastTimestamp)) invalid(errors, "lastTimestamp", "", "needs to be unset");
  if (count !== 0) invalid(errors, "count", "", "needs to be unset");
  if (!isEmpty(source?.component) || !isEmpty(source?.host)) invalid(errors, "source", "", "needs to be unset");
}

function validateSeries(errors: Errors, { series }: Event): void {
  if (series === undefined) return;
  if ((series.count ?? 0) < 2) invalid(errors, "series.count", "", "should be at least 2");
  if (isEmpty(series.lastObservedTime)) required(errors, "series.lastObservedTime");
}

const ageText = (time: string | null | undefined, now: number) => ageOf(time === null ? undefined : time, now);

function firstSeen({ firstTimestamp, eventTime }: Event, now: number): string {
  return ageText(isEmpty(firstTimestamp) ? eventTime : firstTimestamp, now);
}

function lastSeen(event: Event, now: number): string {
  if (event.series !== undefined) return ageText(event.series.lastObservedTime, now);
  return isEmpty(event.lastTimestamp) ? firstSeen(event, now) : ageText(event.lastTimestamp, now);
}

function objectText({ kind = "", name = "" }: Event["involvedObject"]): string {
  return name === "" ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`;
}

function sourceText({ source, reportingComponent = "", reportingInstance = "" }: Event): string {
  const { component = "", host = "" } = source ?? {};
  const [who, where] = component === "" ? [reportingComponent, reportingInstance] : [component, host];
  return where === "" ? who : `${who}, ${where}`;
}

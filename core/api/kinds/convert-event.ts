/**
 * Events of events.k8s.io/v1 are those of core/v1 under other names (KEP-383): one pair of names per field, read in both
 * directions. Fields that are not listed are called the same.
 */
import type { KindHooks } from "../kinds.ts";
import type { AnyObject } from "../meta.ts";
import { decodeValue } from "../schema/decode.ts";
import { types } from "../schema/facts.ts";

/** core/v1 name → events.k8s.io/v1 name */
const renamed: { readonly [core: string]: string } = {
  involvedObject: "regarding",
  message: "note",
  source: "deprecatedSource",
  firstTimestamp: "deprecatedFirstTimestamp",
  lastTimestamp: "deprecatedLastTimestamp",
  count: "deprecatedCount",
  reportingComponent: "reportingController",
};
const renamedBack: { readonly [events: string]: string } = Object.fromEntries(Object.entries(renamed).map(([core, events]) => [events, core]));

export const eventConversion: KindHooks = {
  toStored: (object) => convert(object, renamedBack, "v1", "io.k8s.api.core.v1.Event"),
  fromStored: (object) => convert(object, renamed, "events.k8s.io/v1", "io.k8s.api.events.v1.Event"),
};

function convert(object: AnyObject, names: { readonly [name: string]: string }, apiVersion: string, model: string): AnyObject {
  const fields = Object.entries(object).map(([name, value]) => [names[name] ?? name, value] as const);
  // the two types write empty values differently
  const { value } = decodeValue(types().get(model), Object.fromEntries(fields));
  return { ...value, apiVersion, kind: object.kind, metadata: object.metadata };
}

/**
 * An ObjectType as a protobuf message: its fields by number, with embedded structures nested again as they are on the wire.
 * Made once per type. Kubernetes uses the proto2 wire format as gogo/protobuf writes it: values that are no pointers are
 * always written, lists are not packed, maps are entries {1: key, 2: value} in the order of their keys.
 */
import type { Field, ObjectType } from "./schema.ts";

export type PlanEntry =
  | { readonly number: number; readonly field: Field; readonly always: boolean }
  | { readonly number: number; readonly embedded: Plan };

export interface Plan {
  readonly entries: ReadonlyMap<number, PlanEntry>;
  /** highest number first: messages are written from their end */
  readonly descending: readonly PlanEntry[];
}

const plans = new WeakMap<ObjectType, Plan>();

export function planOf(type: ObjectType): Plan {
  const known = plans.get(type);
  if (known !== undefined) return known;
  const plan = makePlan([...type.fields.values()].map((field) => ({ field, path: [...(field.within ?? []), ...numberOf(field)] })));
  plans.set(type, plan);
  return plan;
}

interface Numbered {
  readonly field: Field;
  /** numbers from here to the field; empty when it is not on the wire (kind and apiVersion travel in the envelope) */
  readonly path: readonly number[];
}

const numberOf = (field: Field) => (field.number === undefined ? [] : [field.number]);

function makePlan(fields: readonly Numbered[]): Plan {
  const entries = new Map<number, PlanEntry>();
  const embedded = new Map<number, Numbered[]>();
  for (const { field, path } of fields) {
    const [number, ...rest] = path;
    if (number === undefined) continue;
    if (rest.length === 0) entries.set(number, { number, field, always: isAlways(field) });
    else embedded.set(number, [...(embedded.get(number) ?? []), { field, path: rest }]);
  }
  for (const [number, inner] of embedded) entries.set(number, { number, embedded: makePlan(inner) });
  return { entries, descending: [...entries.values()].toSorted((a, b) => b.number - a.number) };
}

function isAlways(field: Field): boolean {
  if (field.empty === undefined) return false;
  const { type } = field;
  // a pointer without omitempty is null in JSON and left out here
  if (type.kind === "object") return field.empty !== "null";
  return type.kind === "special" || (type.kind === "scalar" && type.scalar !== "bytes");
}

/** Numbers of the parts of special messages. */
export const part = {
  mapKey: 1,
  mapValue: 2,
  /** a list inside a map is a message of its own (authentication ExtraValue) */
  items: 1,
  raw: 1,
  quantity: 1,
  seconds: 1,
  nanos: 2,
  duration: 1,
  intOrStringType: 1,
  intOrStringInt: 2,
  intOrStringText: 3,
} as const;

/** Wire types. */
export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

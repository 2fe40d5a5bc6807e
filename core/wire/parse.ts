/**
 * The border: what a decoder made of a peer's bytes becomes a typed message here, or a reason to refuse it. Shapes are
 * written once, as values whose type is inferred; fields that a shape does not name are dropped, so that what comes
 * later in the program has only what is declared.
 */
import type { AnyObject } from "../api/meta.ts";
import { decodePayload } from "./codec.ts";
import type { Down, Envelope, Up } from "./messages.ts";
import { WIRE_VERSION } from "./messages.ts";

export type Parsed<M> =
  | { readonly ok: true; readonly envelope: Envelope<M> }
  /** `session` when that much could be read: the answer can name it */
  | { readonly ok: false; readonly reason: string };

/** Names of Kubernetes objects are at most 253 characters, resources "group/version/plural" a little more. */
const MAX_NAME = 512;
/** Event messages and reasons, certificate requests, tokens. */
const MAX_TEXT = 64 * 1024;
/** Pods of one device, entries of `have` and of one desired set. */
const MAX_ENTRIES = 20_000;

/** @returns the value as T; throws Refusal */
type Shape<T> = (value: unknown, at: string) => T;

class Refusal extends Error {}

function refuse(at: string, what: string): never {
  throw new Refusal(`${at === "" ? "message" : at} ${what}`);
}

const text =
  (max = MAX_NAME): Shape<string> =>
  (value, at) => {
    if (typeof value !== "string") refuse(at, "is not text");
    if (value.length > max) refuse(at, `is longer than ${max} characters`);
    return value;
  };

const integer: Shape<number> = (value, at) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) refuse(at, "is not a whole number");
  return value;
};

const flag: Shape<boolean> = (value, at) => (typeof value === "boolean" ? value : refuse(at, "is not true or false"));

const literal =
  <const T extends string>(...allowed: readonly T[]): Shape<T> =>
  (value, at) =>
    allowed.find((one) => one === value) ?? refuse(at, `is not one of ${allowed.join(", ")}`);

const list =
  <T>(of: Shape<T>, max = MAX_ENTRIES): Shape<readonly T[]> =>
  (value, at) => {
    if (!Array.isArray(value)) refuse(at, "is not a list");
    if (value.length > max) refuse(at, `has more than ${max} entries`);
    return value.map((item, index) => of(item, `${at}[${index}]`));
  };

const tuple =
  <const N extends readonly string[]>(...names: N): Shape<{ readonly [I in keyof N]: string }> =>
  (value, at) => {
    if (!Array.isArray(value) || value.length !== names.length) refuse(at, `is not (${names.join(", ")})`);
    return value.map((item, index) => text()(item, `${at}.${names[index]}`)) as { readonly [I in keyof N]: string };
  };

function isRecord(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const map =
  <T>(of: Shape<T>): Shape<Readonly<Record<string, T>>> =>
  (value, at) => {
    if (!isRecord(value)) refuse(at, "is not a map");
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, of(item, `${at}.${name}`)]));
  };

/** A status: any map; the registry validates it against the kind's schema. */
const anyMap: Shape<AnyObject> = (value, at) => (isRecord(value) ? (value as AnyObject) : refuse(at, "is not a map"));

/** A whole object, as far as a device has to rely on it. */
const object: Shape<AnyObject> = (value, at) => {
  if (!isRecord(value)) refuse(at, "is not an object");
  text()(value["apiVersion"], `${at}.apiVersion`);
  text()(value["kind"], `${at}.kind`);
  const metadata = value["metadata"];
  if (!isRecord(metadata)) refuse(`${at}.metadata`, "is not a map");
  text()(metadata["name"], `${at}.metadata.name`);
  return value as AnyObject;
};

type Fields = { readonly [name: string]: Shape<unknown> };
type Of<F extends Fields> = { readonly [K in keyof F]: ReturnType<F[K]> };

/** `required` and `optional` fields of a map. An absent optional field stays absent. */
function shape<R extends Fields, O extends Fields = Record<never, never>>(required: R, optional?: O): Shape<Of<R> & Partial<Of<O>>> {
  return (value, at) => {
    if (!isRecord(value)) refuse(at, "is not a map");
    const result: { [name: string]: unknown } = {};
    const under = (name: string) => (at === "" ? name : `${at}.${name}`);
    for (const [name, of] of Object.entries(required)) {
      result[name] = of(Object.hasOwn(value, name) ? value[name] : undefined, under(name));
    }
    for (const [name, of] of Object.entries(optional ?? {})) {
      if (Object.hasOwn(value, name)) result[name] = of(value[name], under(name));
    }
    return result as Of<R> & Partial<Of<O>>;
  };
}

/** One of several maps told apart by their `type`. */
function oneOf<T extends { readonly type: string }>(shapes: { readonly [K in T["type"]]: Shape<Extract<T, { readonly type: K }>> }): Shape<T> {
  const byType = new Map<string, Shape<T>>(Object.entries(shapes));
  return (value, at) => {
    if (!isRecord(value)) refuse(at, "is not a map");
    const type = value["type"];
    const found = typeof type === "string" ? byType.get(type) : undefined;
    return (found ?? refuse(`${at}.type`, "is not known: the sender is newer"))(value, at);
  };
}

const regarding = shape(
  { apiVersion: text(), kind: text(), namespace: text(), name: text(), uid: text() },
  { fieldPath: text(1024) },
);

const up = oneOf<Up>({
  hello: shape({
    type: literal("hello"),
    instance: text(),
    agentVersion: text(),
    have: list(tuple("resource", "namespace", "name", "uid", "resourceVersion")),
  }),
  observed: shape(
    {
      type: literal("observed"),
      full: flag,
      pods: list(shape({ namespace: text(), name: text(), uid: text() }, { status: anyMap, gone: flag })),
      events: list(
        shape({
          regarding,
          type: literal("Normal", "Warning"),
          reason: text(),
          message: text(MAX_TEXT),
          count: integer,
          first: integer,
          last: integer,
        }),
      ),
    },
    { node: shape({ labels: map(text()), status: anyMap }) },
  ),
  resync: shape({ type: literal("resync") }),
  pong: shape({ type: literal("pong") }),
  renew: shape({ type: literal("renew"), csr: text(MAX_TEXT) }),
  token: shape({
    type: literal("token"),
    id: integer,
    namespace: text(),
    serviceAccount: text(),
    pod: text(),
    podUid: text(),
    audiences: list(text(), 64),
    expirationSeconds: integer,
  }),
});

const down = oneOf<Down>({
  desired: shape({
    type: literal("desired"),
    full: flag,
    put: list(object),
    drop: list(tuple("resource", "namespace", "name")),
    now: integer,
  }),
  accepted: shape({ type: literal("accepted"), observed: integer }),
  resync: shape({ type: literal("resync") }),
  ping: shape({ type: literal("ping") }),
  certificate: shape({ type: literal("certificate"), pem: text(MAX_TEXT) }),
  token: shape({ type: literal("token"), id: integer }, { token: text(MAX_TEXT), expires: text(), error: text(MAX_TEXT) }),
});

const envelope = <M>(body: Shape<M>): Shape<Envelope<M>> => shape({ v: integer, session: text(64), seq: integer, at: integer, body });
const upEnvelope = envelope(up);
const downEnvelope = envelope(down);

export const parseUp = (payload: Uint8Array): Parsed<Up> => parse(payload, upEnvelope);
export const parseDown = (payload: Uint8Array): Parsed<Down> => parse(payload, downEnvelope);

function parse<M>(payload: Uint8Array, as: Shape<Envelope<M>>): Parsed<M> {
  let data: unknown;
  try {
    data = decodePayload(payload);
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
  if (isRecord(data) && data["v"] !== WIRE_VERSION) {
    return { ok: false, reason: `wire version ${String(data["v"])} is not spoken here, only ${WIRE_VERSION}` };
  }
  try {
    return { ok: true, envelope: as(data, "") };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, reason: error.message };
    throw error;
  }
}

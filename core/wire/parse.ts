/**
 * The border: what a decoder made of a peer's bytes becomes a typed message here, or a reason to refuse it.
 */
import type { AnyObject } from "../api/meta.ts";
import { decodePayload } from "./codec.ts";
import type { Down, Envelope, Up } from "./messages.ts";
import { WIRE_VERSION } from "./messages.ts";
import type { Shape } from "./shape.ts";
import { flag, integer, isRecord, list, literal, map, oneOf, refuse, Refusal, shape, text, tuple } from "./shape.ts";

export type Parsed<M> =
  | { readonly ok: true; readonly envelope: Envelope<M> }
  | { readonly ok: false; readonly reason: string };

/** Event messages, certificate requests, tokens. */
const MAX_TEXT = 64 * 1024;
/** base64 of the 64 KiB that a guest's message may have */
const MAX_PUBLISHED = 4 * Math.ceil((64 * 1024) / 3);

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
      pods: list(shape({ namespace: text(), name: text(), uid: text() }, { status: anyMap, mirror: anyMap, gone: flag })),
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
  publish: shape({ type: literal("publish"), namespace: text(), pod: text(), topic: text(), payload: text(MAX_PUBLISHED) }),
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
  published: shape({ type: literal("published"), namespace: text(), topic: text(), payload: text(MAX_PUBLISHED) }),
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

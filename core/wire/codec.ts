/**
 * Envelopes to bytes and back. A device is not trusted, so bytes are looked at before a decoder builds anything from
 * them: the scan (scan.ts) bounds depth, items and lengths and refuses every tag, because a CBOR decoder given tags
 * can be made to spend minutes on a bignum, to build regular expressions, or to make cyclic objects. What passes is
 * JSON-like data; `parse.ts` turns it into a typed message.
 */
import { addExtension, Encoder } from "cbor-x";
import type { Envelope } from "./messages.ts";
import { keysOfVersion, keyTable } from "./key-table.ts";
import { scan } from "./scan.ts";

// second fence behind the scan: these tags have costly or object-making decoders in the library
for (const tag of [2, 3, 27, 28, 29]) {
  addExtension({
    Class: undefined as never,
    tag,
    encode: () => {
      throw new Error(`CBOR tag ${tag} is not used on the wire`);
    },
    decode: () => {
      throw new Error(`CBOR tag ${tag} is not accepted`);
    },
  });
}

const codecs = keysOfVersion.map((count) => codecOf(keyTable.slice(0, count)));
const newest = codecOf(keyTable);

function codecOf(names: readonly string[]): Encoder {
  return new Encoder({
    keyMap: Object.fromEntries(names.map((name, index) => [name, index])),
    useRecords: false,
    mapsAsObjects: true,
    variableMapSize: true,
    tagUint8Array: false,
  } as ConstructorParameters<typeof Encoder>[0]);
}

/** @throws Error when this side does not speak `envelope.v` */
export function encodeEnvelope<M>(envelope: Envelope<M>): Uint8Array {
  const codec = codecs[envelope.v];
  if (codec === undefined || envelope.v === 0) throw new Error(`wire version ${envelope.v} is not known`);
  return codec.encode(hasUndefined(envelope) ? withoutUndefined(envelope) : envelope);
}

/** JSON-like data that is not an envelope, with the newest key table. */
export function encodeData(data: unknown): Uint8Array {
  return newest.encode(hasUndefined(data) ? withoutUndefined(data) : data);
}

/**
 * JSON-like data that still has to be parsed.
 * @throws Error with the reason when the bytes are refused
 */
export function decodePayload(payload: Uint8Array): unknown {
  const refusal = scan(payload, keyTable.length);
  if (refusal !== undefined) throw new Error(refusal);
  return newest.decode(payload);
}

/** JSON has no undefined: an absent field costs no byte. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => (item === undefined ? null : withoutUndefined(item)));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([name, field]) => [name, withoutUndefined(field)]),
  );
}

function hasUndefined(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(hasUndefined);
}

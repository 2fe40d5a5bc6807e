/** The object before it exists, as Go's encoder writes an empty structure: what creating it is compared with. */
import type { AnyObject } from "../../api/meta.ts";
import { decodeValue } from "../../api/schema/decode.ts";
import type { ObjectType } from "../../api/schema/schema.ts";

const zeros = new WeakMap<ObjectType, AnyObject>();

export function zeroOf(type: ObjectType): AnyObject {
  let zero = zeros.get(type);
  if (zero === undefined) {
    const { value } = decodeValue(type, { metadata: {} });
    zero = { ...value, metadata: value["metadata"] ?? {} } as unknown as AnyObject;
    zeros.set(type, zero);
  }
  return zero;
}

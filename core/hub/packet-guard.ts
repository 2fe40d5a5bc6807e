/**
 * Looks at the length that each MQTT packet announces (MQTT 3.1.1 §2.2.3) before the broker's parser collects it: the
 * parser has no bound of its own and would hold up to 256 MB of a packet that never ends.
 */
export interface PacketGuard {
  /** @returns why the connection has to end, or undefined */
  accept(bytes: Uint8Array): string | undefined;
}

/** Bytes of a length field */
const MAX_LENGTH_BYTES = 4;

/** @param firstMax bound for the first packet (CONNECT), whose sender is not yet known to be a device */
export function packetGuard(max: number, firstMax: number): PacketGuard {
  let limit = firstMax;
  let skip = 0;
  let inLength = false;
  let length = 0;
  let shift = 0;

  return {
    accept(bytes) {
      let at = 0;
      while (at < bytes.length) {
        if (skip > 0) {
          const step = Math.min(skip, bytes.length - at);
          skip -= step;
          at += step;
          continue;
        }
        const byte = bytes[at++] ?? 0;
        if (!inLength) {
          inLength = true;
          length = 0;
          shift = 0;
          continue;
        }
        length += (byte & 127) * 128 ** shift++;
        if (byte < 128) {
          if (length > limit) return `packet of ${length} bytes is larger than ${limit}`;
          inLength = false;
          skip = length;
          limit = max;
        } else if (shift === MAX_LENGTH_BYTES) return "packet length is malformed";
      }
      return undefined;
    },
  };
}

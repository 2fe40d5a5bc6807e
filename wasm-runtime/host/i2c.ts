/** lichen:i2c/bus: transactions through i2ctransfer (i2c-tools), since i2c-dev needs an ioctl (Documentation/i2c/dev-interface). */
import { deviceFailure } from "./device-error.ts";
import type { DeviceError } from "./device-error.ts";
import { runDeviceProgram } from "./device-program.ts";
import type { Programs } from "./device-program.ts";

export interface BusGrant {
  /** as in /dev/i2c-<bus> */
  readonly bus: number;
  /** absent: all addresses of the bus */
  readonly address?: number;
}

/** Larger messages are split by every driver of a device; the command line has room for them. */
const MAX_BYTES = 4096;
/** the last 7-bit address that is not reserved (UM10204, 3.1.12) */
const MAX_ADDRESS = 0x77;

export function i2c(grants: readonly BusGrant[], programs: Programs, refused: (what: string) => void) {
  function transaction(bus: number, address: number, data: Uint8Array | undefined, length: number): Uint8Array {
    const hex = `0x${address.toString(16).padStart(2, "0")}`;
    if (!grants.some((grant) => grant.bus === bus && (grant.address ?? address) === address)) {
      refused(`I2C address ${hex} of bus ${bus}`);
      throw deviceFailure("denied");
    }
    const writes = data === undefined ? 0 : data.length;
    if (address > MAX_ADDRESS || writes > MAX_BYTES || length > MAX_BYTES || writes + length === 0 || (data !== undefined && writes === 0)) throw deviceFailure("invalid");
    const messages = [
      ...(data === undefined ? [] : [`w${writes}@${hex}`, ...Array.from(data, String)]),
      ...(length === 0 ? [] : [data === undefined ? `r${length}@${hex}` : `r${length}`]),
    ];
    // -y: nobody is there to be asked
    const { status, stdout, stderr } = runDeviceProgram(programs, "i2ctransfer", ["-y", String(bus), ...messages]);
    if (status !== 0) throw deviceFailure(errorOf(stderr));
    const bytes = Buffer.from(stdout).toString("latin1").trim().split(/\s+/).filter((word) => word !== "").map(Number);
    if (bytes.length !== length || bytes.some((byte) => !(byte >= 0 && byte <= 0xff))) throw deviceFailure("io");
    return Uint8Array.from(bytes);
  }

  return {
    read: (bus: number, address: number, length: number) => transaction(bus, address, undefined, length),
    write: (bus: number, address: number, data: Uint8Array): void => void transaction(bus, address, data, 0),
    writeRead: (bus: number, address: number, data: Uint8Array, length: number) => transaction(bus, address, data, length),
  };
}

/** Which errno means what differs by adapter: Documentation/i2c/fault-codes. */
function errorOf(text: string): DeviceError {
  if (/Could not open file/.test(text)) return /Permission denied/.test(text) ? "denied" : "missing";
  return /Remote I\/O error|No such device or address|timed out/.test(text) ? "no-answer" : "io";
}

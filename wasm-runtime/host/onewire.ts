/** lichen:onewire/devices: what the kernel's w1 subsystem shows as files (Documentation/w1/w1-generic, slaves/w1_therm). */
import { closeSync, constants, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { deviceFailure, deviceFailureOf } from "./device-error.ts";

/** Where the kernel shows its devices, below the root. */
export const ONEWIRE_ROOT = "sys/bus/w1/devices";
/** family, serial number: also what keeps a path inside the directory */
const ID = /^[0-9a-f]{2}-[0-9a-f]{12}$/;
const NAME = /^[a-z0-9_]{1,64}$/;
/** one page, as sysfs gives it */
const MAX_BYTES = 4096;

/** @param grants ids, or "28-*" for a family */
export function onewire(grants: readonly string[], refused: (what: string) => void, root = "/") {
  const granted = (id: string) => grants.some((grant) => grant === id || (grant.endsWith("*") && id.startsWith(grant.slice(0, -1))));

  function attribute(id: string, name: string): Uint8Array {
    if (!ID.test(id) || !granted(id)) {
      refused(`one-wire device ${id.slice(0, 32)}`);
      throw deviceFailure("denied");
    }
    if (!NAME.test(name)) throw deviceFailure("missing");
    try {
      const fd = openSync(join(root, ONEWIRE_ROOT, id, name), constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        const bytes = Buffer.alloc(MAX_BYTES);
        return bytes.subarray(0, readSync(fd, bytes));
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      throw deviceFailureOf(error);
    }
  }

  return {
    attribute,
    present(): string[] {
      try {
        return readdirSync(join(root, ONEWIRE_ROOT)).filter((id) => ID.test(id) && granted(id)).toSorted();
      } catch {
        // no bus at all
        return [];
      }
    },
    /** "… crc=2c YES\n… t=21437": two lines that every kernel gives, the first with the verdict on the checksum */
    temperature(id: string): number {
      const text = Buffer.from(attribute(id, "w1_slave")).toString("latin1");
      if (!/crc=[0-9a-f]{2} YES/.test(text)) throw deviceFailure("checksum");
      const found = /t=(-?\d{1,7})/.exec(text)?.[1];
      if (found === undefined) throw deviceFailure("io");
      return Number(found);
    },
  };
}

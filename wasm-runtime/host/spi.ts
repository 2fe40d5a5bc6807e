/**
 * lichen:spi/devices: transfers through spi-pipe and spi-config (spi-tools), since spidev needs an ioctl for both directions at
 * once (Documentation/spi/spidev). The mode stays with the device, so it is set only when it changes; the speed does not.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { deviceFailure } from "./device-error.ts";
import type { DeviceError } from "./device-error.ts";
import { runDeviceProgram } from "./device-program.ts";
import type { Programs, RunInput } from "./device-program.ts";

interface Settings {
  readonly mode: number;
  readonly speed: number;
}

/** spidev's buffer (module parameter bufsiz) */
const MAX_BYTES = 4096;
const MAX_MODE = 3;

/** @param root of the tree that has dev in it */
export function spi(grants: readonly string[], programs: Programs, refused: (what: string) => void, root = "/") {
  const modes = new Map<string, number>();

  function run(name: string, args: readonly string[], input?: RunInput): Uint8Array {
    const { status, stdout, stderr } = runDeviceProgram(programs, name, args, input);
    if (status !== 0) throw deviceFailure(errorOf(stderr));
    return stdout;
  }

  return {
    transfer(device: string, { mode, speed }: Settings, data: Uint8Array): Uint8Array {
      if (!grants.includes(device)) {
        refused(`SPI device ${device}`);
        throw deviceFailure("denied");
      }
      if (data.length === 0 || data.length > MAX_BYTES || mode > MAX_MODE || speed === 0) throw deviceFailure("invalid");
      const path = join(root, "dev", `spidev${device}`);
      if (!existsSync(path)) throw deviceFailure("missing");
      if (modes.get(device) !== mode) run("spi-config", ["-d", path, "-m", String(mode)]);
      modes.set(device, mode);
      const answer = run("spi-pipe", ["-d", path, "-s", String(speed), "-b", String(data.length), "-n", "1"], { input: data });
      if (answer.length !== data.length) throw deviceFailure("io");
      return answer;
    },
  };
}

function errorOf(text: string): DeviceError {
  if (/Permission denied/.test(text)) return "denied";
  return /No such (?:file|device)/.test(text) ? "missing" : "io";
}

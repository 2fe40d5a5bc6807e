/**
 * lichen:gpio/lines: single input and output lines through the kernel's sysfs interface (Documentation/admin-guide/gpio/sysfs).
 * Node has no ioctl, which the character device needs; sysfs is plain files. A line works in the direction that was granted.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./io.ts";

export interface LineGrant {
  readonly line: number;
  readonly direction: "in" | "out";
}

type GpioError = "denied" | "missing" | "io";

/** Where the kernel shows its lines, below the root. */
export const GPIO_ROOT = "sys/class/gpio";

export function gpio(grants: readonly LineGrant[], refused: (what: string) => void, root: string) {
  function lineFor(line: number, direction: LineGrant["direction"]): string {
    if (!grants.some((grant) => grant.line === line && grant.direction === direction)) {
      refused(`GPIO line ${line} (${direction})`);
      throw new Failure<GpioError>("denied");
    }
    const directory = join(root, `gpio${line}`);
    try {
      if (!existsSync(directory)) writeFileSync(join(root, "export"), String(line));
      if (!existsSync(directory)) throw new Failure<GpioError>("missing");
      const at = join(directory, "direction");
      // writing it again would set an output low
      if (readFileSync(at, "utf8").trim() !== direction) writeFileSync(at, direction);
    } catch (error) {
      throw failureOf(error);
    }
    return join(directory, "value");
  }

  return {
    read(line: number): boolean {
      const value = lineFor(line, "in");
      try {
        return readFileSync(value, "utf8").trim() === "1";
      } catch (error) {
        throw failureOf(error);
      }
    },
    write(line: number, high: boolean): void {
      const value = lineFor(line, "out");
      try {
        writeFileSync(value, high ? "1" : "0");
      } catch (error) {
        throw failureOf(error);
      }
    },
  };
}

function failureOf(error: unknown): Failure<GpioError> {
  if (error instanceof Failure) return error as Failure<GpioError>;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EACCES" || code === "EPERM" || code === "ERR_ACCESS_DENIED") return new Failure("denied");
  return new Failure(code === "ENOENT" || code === "EINVAL" || code === "ENODEV" ? "missing" : "io");
}

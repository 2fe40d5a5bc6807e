/** How devices of the board fail, in the words that all their interfaces share; each interface declares those it can give. */
import { Failure } from "./io.ts";

export type DeviceError = "denied" | "missing" | "no-answer" | "invalid" | "checksum" | "io";

export const deviceFailure = (error: DeviceError) => new Failure<DeviceError>(error);

/** What a call of node:fs threw, for the guest. */
export function deviceFailureOf(error: unknown): Failure<DeviceError> {
  if (error instanceof Failure) return error as Failure<DeviceError>;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EACCES" || code === "EPERM" || code === "ERR_ACCESS_DENIED") return deviceFailure("denied");
  return deviceFailure(code === "ENOENT" || code === "EINVAL" || code === "ENODEV" || code === "ENXIO" ? "missing" : "io");
}

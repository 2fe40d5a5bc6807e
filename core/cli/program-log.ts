/** The log of a program: JSON lines on standard error, LICHEN_LOG sets the level (debug, info, warn, error, silent). */
import { pino } from "pino";
import type { Log } from "../api/log.ts";

export function programLog(program: string, defaultLevel = "info"): Log {
  const level = process.env["LICHEN_LOG"] ?? defaultLevel;
  return pino(
    {
      name: program,
      level,
      base: { program },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: pino.stdSerializers.err },
      // by name, as a last line of defence: code that logs does not log secrets in the first place
      redact: ["token", "*.token", "password", "*.password", "secret", "*.secret", "key", "*.key", "authorization", "*.authorization"],
    },
    pino.destination({ dest: 2, sync: false }),
  );
}

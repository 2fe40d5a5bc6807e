/** wasi:logging: leveled lines, on the pod's standard error where every log collector finds them. */
import type { Sink } from "./io.ts";

type Level = "trace" | "debug" | "info" | "warn" | "error" | "critical";

/** One line stays one line: a guest's text must not look like another message. */
const oneLine = (text: string) => text.replaceAll(/[\r\n]+/g, " ");

export function logging(stderr: Sink) {
  return {
    log: (level: Level, context: string, message: string) =>
      stderr.write(Buffer.from(`${level.toUpperCase()} ${context === "" ? "" : `${oneLine(context)}: `}${oneLine(message)}\n`)),
  };
}

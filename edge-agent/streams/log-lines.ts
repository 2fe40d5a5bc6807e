/**
 * The CRI log format, line by line: `<RFC3339Nano> <stdout|stderr> <P|F> <text>`. Long lines come in pieces tagged P and
 * end with F; a piece is handed on as it is, without a newline, so nothing has to be held.
 */
export interface LogEntry {
  readonly time: string;
  readonly stream: "stdout" | "stderr";
  /** the last piece of its line */
  readonly end: boolean;
  readonly text: Buffer;
}

const SPACE = 0x20;

/** undefined: not in the format (a torn write at a power cut); skip it. `line`: without its newline */
export function parseLogLine(line: Buffer): LogEntry | undefined {
  const first = line.indexOf(SPACE);
  const second = line.indexOf(SPACE, first + 1);
  const third = line.indexOf(SPACE, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const stream = line.toString("latin1", first + 1, second);
  const tag = line.toString("latin1", second + 1, third);
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  return { time: line.toString("latin1", 0, first), stream, end: !tag.split(":").includes("P"), text: line.subarray(third + 1) };
}

/** Compares times of different precision and offsets. */
export function timeOf(entry: LogEntry): number {
  return Date.parse(entry.time.replace(/(\.\d{3})\d+/, "$1"));
}

/** What the kernel counts for one group of processes beside what every runtime tells; absent: it does not count that. */
import type { Stalls } from "./pressure-stall.ts";

export interface GroupFigures {
  /** nanoseconds */
  readonly cpuUser?: number | undefined;
  readonly cpuSystem?: number | undefined;
  /** of its processor limit: periods that passed, those in which it had to wait, and nanoseconds that it waited */
  readonly periods?: number | undefined;
  readonly throttledPeriods?: number | undefined;
  readonly throttled?: number | undefined;
  /** bytes */
  readonly cache?: number | undefined;
  readonly mappedFile?: number | undefined;
  readonly swap?: number | undefined;
  readonly memoryPeak?: number | undefined;
  /** how often its memory limit was hit, and how many processes that cost */
  readonly memoryFailures?: number | undefined;
  readonly oomKills?: number | undefined;
  readonly threads?: number | undefined;
  readonly disks: readonly DiskFigures[];
  readonly stalls: Stalls;
}

export interface DiskFigures {
  /** "/dev/sda" */
  readonly device: string;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly reads: number;
  readonly writes: number;
}

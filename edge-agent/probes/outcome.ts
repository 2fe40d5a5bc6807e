/** What one probe said, and how a run of answers becomes a result (Kubernetes documentation, "Configure probes"). Pure. */
export interface Outcome {
  /** warning: passes, but the user is told; unknown: it could not be tried, which says nothing about the container */
  readonly result: "success" | "warning" | "failure" | "unknown";
  readonly output: string;
}

export interface Streak {
  readonly passing: boolean;
  readonly length: number;
}

export interface Thresholds {
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** The streak after one more outcome; undefined before the first. */
export function extendStreak(streak: Streak | undefined, { result }: Outcome): Streak | undefined {
  if (result === "unknown") return streak;
  const passing = result !== "failure";
  return { passing, length: streak?.passing === passing ? streak.length + 1 : 1 };
}

/** What the streak is long enough to say; undefined: nothing yet. */
export function verdict(streak: Streak | undefined, { successThreshold, failureThreshold }: Thresholds): boolean | undefined {
  if (streak === undefined || streak.length < (streak.passing ? successThreshold : failureThreshold)) return undefined;
  return streak.passing;
}

/**
 * Limits as cgroup files, for both versions of the interface: which directory of which hierarchy gets which file with
 * which text. Pure, so that version 2 is as well understood as the version at hand.
 *
 * Source: kernel documentation, admin-guide/cgroup-v1 and admin-guide/cgroup-v2.rst.
 */
export type CgroupVersion = "v1" | "v2";

export interface CgroupLimits {
  /** as in cgroup v1: 1024 is one core */
  readonly cpuShares?: number | undefined;
  /** microseconds of each CPU_PERIOD_US; undefined: no limit */
  readonly cpuQuota?: number | undefined;
  /** bytes; undefined: no limit */
  readonly memory?: number | undefined;
  readonly pids?: number | undefined;
  /** bytes by page size in bytes */
  readonly hugepages?: { readonly [pageSize: number]: number } | undefined;
}

export interface CgroupWrite {
  readonly controller: "cpu" | "memory" | "pids" | "hugetlb";
  readonly file: string;
  readonly value: string;
}

export const CPU_PERIOD_US = 100_000;
/** kernel minimum of cpu.cfs_quota_us */
export const MIN_QUOTA_US = 1_000;
export const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const MAX_WEIGHT = 10_000;

/** An absent limit is written too, so that it ends one that was there before. */
export function cgroupWrites(version: CgroupVersion, limits: CgroupLimits): readonly CgroupWrite[] {
  const { cpuShares, cpuQuota, memory, pids, hugepages = {} } = limits;
  const huge = Object.entries(hugepages).map(([size, bytes]): CgroupWrite => {
    const page = pageName(Number(size));
    return { controller: "hugetlb", file: version === "v1" ? `hugetlb.${page}.limit_in_bytes` : `hugetlb.${page}.max`, value: String(bytes) };
  });
  if (version === "v1") {
    return [
      ...(cpuShares === undefined ? [] : [{ controller: "cpu", file: "cpu.shares", value: String(Math.min(MAX_SHARES, Math.max(MIN_SHARES, cpuShares))) } as const]),
      { controller: "cpu", file: "cpu.cfs_period_us", value: String(CPU_PERIOD_US) },
      { controller: "cpu", file: "cpu.cfs_quota_us", value: String(cpuQuota ?? -1) },
      { controller: "memory", file: "memory.limit_in_bytes", value: String(memory ?? -1) },
      { controller: "pids", file: "pids.max", value: pids === undefined ? "max" : String(pids) },
      ...huge,
    ];
  }
  return [
    ...(cpuShares === undefined ? [] : [{ controller: "cpu", file: "cpu.weight", value: String(cpuWeight(cpuShares)) } as const]),
    { controller: "cpu", file: "cpu.max", value: `${cpuQuota ?? "max"} ${CPU_PERIOD_US}` },
    { controller: "memory", file: "memory.max", value: memory === undefined ? "max" : String(memory) },
    { controller: "pids", file: "pids.max", value: pids === undefined ? "max" : String(pids) },
    ...huge,
  ];
}

/** Shares 2…262144 onto weights 1…10000 (KEP-2254). */
export function cpuWeight(shares: number): number {
  const within = Math.min(MAX_SHARES, Math.max(MIN_SHARES, shares));
  return Math.floor(1 + ((within - MIN_SHARES) * (MAX_WEIGHT - 1)) / (MAX_SHARES - MIN_SHARES));
}

export function sharesOf(cores: number): number {
  return Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.floor(cores * 1024)));
}

/** undefined: no limit */
export function quotaOf(cores: number): number | undefined {
  return cores <= 0 ? undefined : Math.max(MIN_QUOTA_US, Math.round(cores * CPU_PERIOD_US));
}

/** "2MB", "1GB": how the kernel names a page size in files */
export function pageName(bytes: number): string {
  for (const [unit, size] of [["GB", 2 ** 30], ["MB", 2 ** 20]] as const) if (bytes >= size) return `${bytes / size}${unit}`;
  return `${bytes / 1024}KB`;
}

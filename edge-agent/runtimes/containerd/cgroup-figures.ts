/**
 * Reads what the kernel counts for a cgroup, from the files of either version (Documentation/admin-guide/cgroup-v1 and
 * cgroup-v2.rst). A file that is missing is a figure that this kernel does not have.
 */
import { readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import type { DiskFigures, GroupFigures } from "../../stats/group-figures.ts";
import { kernelText } from "../../stats/kernel-text.ts";
import { readStalls } from "../../stats/pressure-stall.ts";
import type { CgroupVersion } from "./cgroup-values.ts";

/** USER_HZ (time(7)) */
const TICK_NS = 1e9 / 100;
const MICROSECOND_NS = 1_000;

/** `place`: the cgroup's directory in the hierarchy of a controller */
export async function cgroupFigures(version: CgroupVersion, place: (controller: string) => string): Promise<GroupFigures> {
  return version === "v2" ? ofVersion2(place("")) : ofVersion1(place);
}

async function ofVersion1(place: (controller: string) => string): Promise<GroupFigures> {
  const read = (controller: string, file: string) => kernelText(join(place(controller), file));
  const [times, limits, threads] = [read("cpuacct", "cpuacct.stat"), read("cpu", "cpu.stat"), read("pids", "pids.current")];
  const [memory, oom] = [read("memory", "memory.stat"), read("memory", "memory.oom_control")];
  const [peak, failures] = [read("memory", "memory.max_usage_in_bytes"), read("memory", "memory.failcnt")];
  const [bytes, operations] = [read("blkio", "blkio.throttle.io_service_bytes_recursive"), read("blkio", "blkio.throttle.io_serviced_recursive")];
  return {
    cpuUser: scaled(field(times, "user"), TICK_NS),
    cpuSystem: scaled(field(times, "system"), TICK_NS),
    periods: field(limits, "nr_periods"),
    throttledPeriods: field(limits, "nr_throttled"),
    throttled: field(limits, "throttled_time"),
    cache: field(memory, "total_cache"),
    mappedFile: field(memory, "total_mapped_file"),
    swap: field(memory, "total_swap"),
    memoryPeak: number(peak),
    memoryFailures: number(failures),
    oomKills: field(oom, "oom_kill"),
    threads: number(threads),
    disks: await disksOfVersion1(bytes, operations),
    // the kernel keeps these per cgroup in version 2 only
    stalls: {},
  };
}

async function ofVersion2(directory: string): Promise<GroupFigures> {
  const read = (file: string) => kernelText(join(directory, file));
  const [cpu, threads, io] = [read("cpu.stat"), read("pids.current"), read("io.stat")];
  const [memory, events, peak, swap] = [read("memory.stat"), read("memory.events"), read("memory.peak"), read("memory.swap.current")];
  const stalls = readStalls((resource) => join(directory, `${resource}.pressure`));
  return {
    cpuUser: scaled(field(cpu, "user_usec"), MICROSECOND_NS),
    cpuSystem: scaled(field(cpu, "system_usec"), MICROSECOND_NS),
    periods: field(cpu, "nr_periods"),
    throttledPeriods: field(cpu, "nr_throttled"),
    throttled: scaled(field(cpu, "throttled_usec"), MICROSECOND_NS),
    cache: field(memory, "file"),
    mappedFile: field(memory, "file_mapped"),
    swap: number(swap),
    memoryPeak: number(peak),
    memoryFailures: field(events, "max"),
    oomKills: field(events, "oom_kill"),
    threads: number(threads),
    disks: await disksOfVersion2(io),
    stalls,
  };
}

/** Lines of "8:0 Read 4096". */
async function disksOfVersion1(bytes: string, operations: string): Promise<DiskFigures[]> {
  const numbers = [...new Set([...bytes.matchAll(/^(\d+:\d+) /gm)].map(([, id = ""]) => id))];
  return Promise.all(numbers.map(async (id) => {
    const of = (from: string, what: string) => field(from, `${id} ${what}`) ?? 0;
    return { device: await deviceOf(id), readBytes: of(bytes, "Read"), writtenBytes: of(bytes, "Write"), reads: of(operations, "Read"), writes: of(operations, "Write") };
  }));
}

/** Lines of "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0". */
async function disksOfVersion2(io: string): Promise<DiskFigures[]> {
  return Promise.all([...io.matchAll(/^(\d+:\d+) (.*)$/gm)].map(async ([, id = "", rest = ""]) => {
    const of = (name: string) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(rest)?.[1] ?? 0);
    return { device: await deviceOf(id), readBytes: of("rbytes"), writtenBytes: of("wbytes"), reads: of("rios"), writes: of("wios") };
  }));
}

async function deviceOf(id: string): Promise<string> {
  return readlink(join("/sys/dev/block", id)).then((path) => `/dev/${basename(path)}`, () => id);
}

/** The number behind a name, on a line of its own. */
function field(from: string, name: string): number | undefined {
  return number(new RegExp(`^${name} (\\d+)$`, "m").exec(from)?.[1] ?? "");
}

function number(from: string): number | undefined {
  return /^\d+\s*$/.test(from) ? Number(from) : undefined;
}

function scaled(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value * by;
}

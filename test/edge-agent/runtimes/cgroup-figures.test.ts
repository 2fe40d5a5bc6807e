import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { systemClock } from "../../../core/api/clock.ts";
import { cgroups } from "../../../edge-agent/runtimes/containerd/cgroups.ts";

const ROOT = "/lichen/one/kubepods";
const FILES = {
  v1: {
    "cpuacct/burstable/podu/c/cpuacct.stat": "user 150\nsystem 50\n",
    "cpu/burstable/podu/c/cpu.stat": "nr_periods 10\nnr_throttled 3\nthrottled_time 250000000\n",
    "memory/burstable/podu/c/memory.stat": "cache 1\nmapped_file 1\ntotal_cache 11\ntotal_mapped_file 12\ntotal_swap 0\n",
    "memory/burstable/podu/c/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    "memory/burstable/podu/c/memory.max_usage_in_bytes": "13\n",
    "memory/burstable/podu/c/memory.failcnt": "2\n",
    "pids/burstable/podu/c/pids.current": "4\n",
    "blkio/burstable/podu/c/blkio.throttle.io_service_bytes_recursive": "999:1 Read 4096\n999:1 Write 8192\n999:1 Total 12288\nTotal 12288\n",
    "blkio/burstable/podu/c/blkio.throttle.io_serviced_recursive": "999:1 Read 1\n999:1 Write 2\nTotal 3\n",
  },
  v2: {
    "burstable/podu/c/cpu.stat": "usage_usec 2000000\nuser_usec 1500000\nsystem_usec 500000\nnr_periods 10\nnr_throttled 3\nthrottled_usec 250000\n",
    "burstable/podu/c/memory.stat": "anon 5\nfile 11\nfile_mapped 12\n",
    "burstable/podu/c/memory.events": "low 0\nhigh 0\nmax 2\noom 1\noom_kill 1\n",
    "burstable/podu/c/memory.peak": "13\n",
    "burstable/podu/c/memory.swap.current": "0\n",
    "burstable/podu/c/pids.current": "4\n",
    "burstable/podu/c/io.stat": "999:1 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n",
    "burstable/podu/c/cpu.pressure": "some avg10=1.50 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n",
    "burstable/podu/c/io.pressure": "damaged",
  },
};

async function tree(t: ExecutionContext, version: "v1" | "v2") {
  const mount = await mkdtemp(join(tmpdir(), "lichen-figures-"));
  t.teardown(() => rm(mount, { recursive: true, force: true }));
  if (version === "v2") await writeFile(join(mount, "cgroup.controllers"), "cpu memory pids io\n");
  for (const [path, text] of Object.entries(FILES[version])) {
    const file = version === "v2" ? join(mount, ROOT, path) : join(mount, path.split("/")[0] ?? "", ROOT, ...path.split("/").slice(1));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return cgroups({ clock: systemClock, root: ROOT, mount, allocatable: {} });
}

const counted = {
  cpuUser: 1.5e9, cpuSystem: 5e8, periods: 10, throttledPeriods: 3, throttled: 2.5e8, cache: 11, mappedFile: 12, swap: 0, memoryPeak: 13, memoryFailures: 2, oomKills: 1, threads: 4,
  disks: [{ device: "999:1", readBytes: 4096, writtenBytes: 8192, reads: 1, writes: 2 }],
};

for (const version of ["v1", "v2"] as const) {
  test(`version ${version}: a container's figures are found in the class of its pod`, async (t) => {
    const { figures } = await tree(t, version);
    const none = { avg10: 0, avg60: 0, avg300: 0 };
    const stalls = version === "v1" ? {} : { cpu: { some: { ...none, avg10: 1.5, total: 1_500_000 }, full: { ...none, total: 500_000 } } };
    t.deepEqual(await figures("u", "c"), { ...counted, stalls });
    t.is(await figures("u", "other"), undefined);
    t.is(await figures("x"), undefined);
  });

  test(`version ${version}: what a kernel does not count is left out`, async (t) => {
    const { figures } = await tree(t, version);
    const found = await figures("u");
    t.is(found?.cpuUser, undefined);
    t.deepEqual([found?.disks, found?.stalls], [[], {}]);
  });
}

/** What the processes of components use, from /proc (proc_pid_stat(5), proc_pid_status(5)): there is one process per container. */
import { readFileSync } from "node:fs";
import type { ContainerUsage, PodUsage, Usage } from "../runtime.ts";

/** USER_HZ, which is 100 on every Linux that Node runs on (time(7)) */
const TICKS_PER_SECOND = 100;

export interface ComponentProcess {
  readonly id: string;
  readonly name: string;
  readonly pid: number;
}

export function podUsage(uid: string, processes: readonly ComponentProcess[], at: number): PodUsage {
  const containers = processes.flatMap(({ id, name, pid }): ContainerUsage[] => {
    const usage = processUsage(pid, at);
    return usage === undefined ? [] : [{ ...usage, id, name }];
  });
  const sum = (of: (usage: Usage) => number | undefined) => containers.reduce((total, container) => total + (of(container) ?? 0), 0);
  return {
    uid,
    at,
    cpu: sum(({ cpu }) => cpu),
    workingSet: sum(({ workingSet }) => workingSet),
    memory: sum(({ memory }) => memory),
    rss: sum(({ rss }) => rss),
    pageFaults: sum(({ pageFaults }) => pageFaults),
    majorPageFaults: sum(({ majorPageFaults }) => majorPageFaults),
    processes: containers.length,
    containers,
  };
}

/** undefined: it has just ended */
function processUsage(pid: number, at: number): Usage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
    // the first is field 3
    const field = (number: number) => fields[number - 3] ?? 0;
    const memory = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
    const own = memory("RssAnon") + memory("RssShmem");
    return {
      at,
      cpu: (field(14) + field(15)) * (1e9 / TICKS_PER_SECOND),
      // pages of files (the program, which all components share) come back without harm
      workingSet: own,
      memory: own + memory("RssFile"),
      rss: memory("RssAnon"),
      pageFaults: field(10) + field(12),
      majorPageFaults: field(12),
    };
  } catch {
    return undefined;
  }
}

/** The figures of /metrics that are read at the moment of asking: load of the priority levels and of the process. */
import type { Sample } from "./request-metrics.ts";
import type { HttpServices } from "./services.ts";

export function* figures({ limit, samples }: Pick<HttpServices, "limit" | "samples">): Generator<Sample> {
  const load = limit?.load() ?? [];
  const byLevel = (name: string, type: Sample["type"], help: string, of: (level: (typeof load)[number]) => number): Sample => ({
    name,
    type,
    help,
    values: load.map((level) => ({ labels: { priority_level: level.level }, value: of(level) })),
  });
  if (load.length > 0) {
    yield byLevel("apiserver_flowcontrol_current_executing_requests", "gauge", "Requests that hold a seat.", ({ running }) => running);
    yield byLevel("apiserver_flowcontrol_current_inqueue_requests", "gauge", "Requests that wait for a seat.", ({ waiting }) => waiting);
    yield byLevel("apiserver_flowcontrol_nominal_limit_seats", "gauge", "Seats of the priority level.", ({ seats }) => seats);
    yield byLevel("apiserver_flowcontrol_rejected_requests_total", "counter", "Requests that were told to come back later.", ({ refused }) => refused);
  }
  const { user, system } = process.cpuUsage();
  yield one("process_cpu_seconds_total", "counter", "CPU time of the server.", (user + system) / 1e6);
  yield one("process_resident_memory_bytes", "gauge", "Memory of the server.", process.memoryUsage.rss());
  yield one("nodejs_heap_size_used_bytes", "gauge", "Memory of JavaScript objects.", process.memoryUsage().heapUsed);
  yield one("process_start_time_seconds", "gauge", "When the server started, in seconds since 1970.", Math.round(performance.timeOrigin / 1000));
  yield* samples?.() ?? [];
}

const one = (name: string, type: Sample["type"], help: string, value: number): Sample => ({ name, type, help, values: [{ value }] });

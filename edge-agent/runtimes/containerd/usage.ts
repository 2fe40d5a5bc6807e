/** Figures of CRI as the agent knows them. */
import type { ContainerUsage, InterfaceUsage, PodUsage, Usage } from "../runtime.ts";
import { LABEL } from "./labels.ts";
import type { M } from "./messages.ts";

export function podUsage({ attributes, linux }: M<"PodSandboxStats">): PodUsage {
  const { default_interface, interfaces = [] } = linux?.network ?? {};
  const links = [...(default_interface === undefined ? [] : [default_interface]), ...interfaces];
  return {
    ...usage(linux?.cpu, linux?.memory),
    uid: attributes?.labels?.[LABEL.podUid] ?? attributes?.metadata?.uid ?? "",
    interfaces: linux?.network === undefined ? undefined : links.map(interfaceUsage),
    processes: number(linux?.process?.process_count),
    containers: (linux?.containers ?? []).map(containerUsage),
  };
}

function containerUsage({ attributes, cpu, memory, writable_layer }: M<"ContainerStats">): ContainerUsage {
  return {
    ...usage(cpu, memory),
    id: attributes?.id ?? "",
    name: attributes?.metadata?.name ?? "",
    layerBytes: number(writable_layer?.used_bytes),
    layerInodes: number(writable_layer?.inodes_used),
  };
}

function usage(cpu: M<"CpuUsage"> | undefined, memory: M<"MemoryUsage"> | undefined): Usage {
  return {
    at: Math.floor((cpu?.timestamp ?? memory?.timestamp ?? 0) / 1e6),
    cpu: number(cpu?.usage_core_nano_seconds),
    workingSet: number(memory?.working_set_bytes),
    memory: number(memory?.usage_bytes),
    rss: number(memory?.rss_bytes),
    pageFaults: number(memory?.page_faults),
    majorPageFaults: number(memory?.major_page_faults),
  };
}

function interfaceUsage({ name = "", rx_bytes, rx_errors, tx_bytes, tx_errors }: M<"NetworkInterfaceUsage">): InterfaceUsage {
  return { name, rxBytes: number(rx_bytes) ?? 0, rxErrors: number(rx_errors) ?? 0, txBytes: number(tx_bytes) ?? 0, txErrors: number(tx_errors) ?? 0 };
}

/** A message that is there has a value, 0 if none is written (proto3). */
function number(value: M<"UInt64Value"> | undefined): number | undefined {
  return value === undefined ? undefined : (value.value ?? 0);
}

/** Ports of containers, and the ports that they take on the device. */
import type { ContainerPort } from "../../types.gen.ts";
import { type Errors, duplicate, invalid, isEmpty, notSupported, required } from "./errors.ts";
import { portNumber } from "./numbers.ts";
import { portName } from "./text-rules.ts";

export const PROTOCOLS: readonly string[] = ["SCTP", "TCP", "UDP"];

export function validatePorts(errors: Errors, path: string, ports: readonly ContainerPort[] | undefined): void {
  if (ports === undefined) return;
  const names = new Set<string>();
  ports.forEach(({ name = "", containerPort, hostPort = 0, protocol }, index) => {
    const at = `${path}[${index}]`;
    if (name !== "") {
      const wrongs = portName(name);
      for (const wrong of wrongs) invalid(errors, `${at}.name`, name, wrong);
      if (wrongs.length === 0 && names.has(name)) duplicate(errors, `${at}.name`, name);
      names.add(name);
    }
    if ((containerPort ?? 0) === 0) required(errors, `${at}.containerPort`);
    else portNumber(errors, `${at}.containerPort`, containerPort);
    if (hostPort !== 0) portNumber(errors, `${at}.hostPort`, hostPort);
    if (isEmpty(protocol)) required(errors, `${at}.protocol`);
    else if (!PROTOCOLS.includes(protocol ?? "")) notSupported(errors, `${at}.protocol`, protocol, PROTOCOLS);
  });
}

interface WithPorts {
  readonly ports?: readonly ContainerPort[];
}

/** Two containers of a pod cannot have the same port of the device. */
export function validateHostPorts(errors: Errors, path: string, containers: readonly WithPorts[]): void {
  let taken: Set<string> | undefined;
  for (const [index, { ports }] of containers.entries()) {
    if (ports === undefined) continue;
    for (const [number, { protocol, hostIP = "", hostPort = 0 }] of ports.entries()) {
      if (hostPort === 0) continue;
      const key = `${protocol}/${hostIP}/${hostPort}`;
      taken ??= new Set();
      if (taken.has(key)) duplicate(errors, `${path}[${index}].ports[${number}].hostPort`, key);
      else taken.add(key);
    }
  }
}

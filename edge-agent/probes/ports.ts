/** Ports of probes and hooks: a number, or the name that the container gives one of its ports. */
export interface NamedPort {
  readonly name?: string;
  readonly containerPort: number;
}

/** @throws Error on a name that the container does not have */
export function portNumber(port: number | string, ports: readonly NamedPort[]): number {
  const number = typeof port === "number" ? port : (ports.find(({ name }) => name === port)?.containerPort ?? Number(port));
  // the words of Go, in which a name that no port has is taken for a number
  if (!Number.isInteger(number)) throw new Error(`strconv.Atoi: parsing "${port}": invalid syntax`);
  if (number < 1 || number > 65535) throw new Error(`invalid port number: ${port}`);
  return number;
}

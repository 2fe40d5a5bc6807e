/** What a container that was given devices of the board as extended resources (`lichen.dev/i2c`) may do with them as a component. */
import type { Grants } from "../../../wasm-runtime/process.ts";
import type { ContainerPlan } from "../runtime.ts";

type Boards = Pick<Grants, "i2c" | "spi" | "uart">;

/** `granted` by annotations, and the devices that were allocated besides. */
export function withDevices<G extends Boards>(granted: G, devices: ContainerPlan["devices"] = []): G {
  const ids = (name: RegExp) => devices.flatMap(({ containerPath }) => name.exec(containerPath)?.[1] ?? []);
  const i2c = [...(granted.i2c ?? []), ...ids(/^\/dev\/i2c-(\d+)$/).map((bus) => ({ bus: Number(bus) }))];
  const spi = [...(granted.spi ?? []), ...ids(/^\/dev\/spidev(\d+\.\d+)$/)];
  const uart = [...(granted.uart ?? []), ...ids(/^\/dev\/(tty[A-Za-z]+\d+)$/)];
  return { ...granted, ...(i2c.length > 0 ? { i2c } : {}), ...(spi.length > 0 ? { spi } : {}), ...(uart.length > 0 ? { uart } : {}) };
}

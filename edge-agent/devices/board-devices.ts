/**
 * What the board has on its pins, as extended resources: a container that asks for one gets the device node and no
 * other privilege. Found by the names that Linux gives in /dev.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { DeviceSource, OfferedDevice } from "./device-source.ts";

/** Built-in serial ports (ttyS) are left out: PC kernels list thirty-two of them whether there are any or not. */
const KINDS: readonly { readonly resource: string; readonly name: RegExp }[] = [
  { resource: "lichen.dev/gpiochip", name: /^gpiochip\d+$/ },
  { resource: "lichen.dev/i2c", name: /^i2c-\d+$/ },
  { resource: "lichen.dev/spi", name: /^spidev\d+\.\d+$/ },
  { resource: "lichen.dev/uart", name: /^tty(AMA|USB|ACM|GS|THS|mxc|O)\d+$/ },
  { resource: "lichen.dev/video", name: /^video\d+$/ },
];

export interface BoardDevices extends DeviceSource {
  /** looks again: USB devices come and go. @returns whether something changed */
  look(): Promise<boolean>;
}

const byNumber = new Intl.Collator("en", { numeric: true });

export function boardDevices(root = "/"): BoardDevices {
  let offers: ReadonlyMap<string, readonly OfferedDevice[]> = new Map();
  return {
    async look() {
      const names = await readdir(join(root, "dev")).catch((): string[] => []);
      const next = new Map<string, readonly OfferedDevice[]>();
      for (const { resource, name } of KINDS) {
        const found = names.filter((each) => name.test(each)).toSorted(byNumber.compare);
        if (found.length > 0) next.set(resource, found.map((id) => ({ id, healthy: true })));
      }
      const changed = JSON.stringify([...next]) !== JSON.stringify([...offers]);
      offers = next;
      return changed;
    },
    offers: () => offers,
    async grant(_resource, ids) {
      return { nodes: ids.map((id) => ({ containerPath: `/dev/${id}`, hostPath: join(root, "dev", id), permissions: "rw" })), mounts: [], env: [], annotations: {} };
    },
  };
}

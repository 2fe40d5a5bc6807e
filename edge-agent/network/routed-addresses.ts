/**
 * Addresses of component pods out of the node's range, which other nodes and containers reach as they reach containers.
 * They are claimed in blocks: one command of `ip` for many pods. Where that does not work (no root, no `ip`, the range is
 * another agent's on this machine, or the server gave none) the pod gets an address of the fallback, and the log says why.
 */
import { sleep, type Clock } from "../../core/api/clock.ts";
import type { Log } from "../../core/api/log.ts";
import type { PodAddresses } from "../runtimes/wasi/pod-addresses.ts";
import { addressesOf, addressRange, blocksOf, contains, rangeText } from "./address-range.ts";
import type { AddressRange } from "./address-range.ts";
import type { PodDevice } from "./pod-device.ts";
import { podRange } from "./pod-range.ts";

export interface RoutedAddresses extends PodAddresses {
  /** the node's range, as soon as it is known and whenever it changes */
  setPodCidr(cidr: string): void;
  /** takes everything back from the kernel: no pod is left */
  remove(): Promise<void>;
}

export interface RoutedParts {
  readonly device: PodDevice;
  readonly fallback: PodAddresses;
  readonly clock: Clock;
  readonly log: Log;
}

/** Prefix length of a block. */
const BLOCK_BITS = 27;
const BLOCK = 2 ** (32 - BLOCK_BITS);
const LOOPBACK = addressRange("127.0.0.0/8");
/** The server assigns the range moments after it made the Node; a device that never met it cannot wait for ever. */
const RANGE_WAIT_MS = 10_000;

export function routedAddresses({ device, fallback, clock, log }: RoutedParts): RoutedAddresses {
  let cidr: string | undefined;
  const known = Promise.withResolvers<void>();
  let waited: Promise<void> | undefined;
  let unusable: string | undefined;
  /** blocks as the kernel had them: asked once, because a command costs as much as the start of a component */
  let own: readonly AddressRange[] | undefined;

  const useFallback = (reason: string, taken: ReadonlySet<string>) => {
    if (reason !== unusable) log.warn({ reason }, "component pods get addresses that only this device reaches");
    unusable = reason;
    return fallback.take(taken);
  };

  async function free(range: string, taken: ReadonlySet<string>): Promise<string | undefined> {
    const { components } = podRange(range);
    const last = components.base + components.size - 1;
    const choose = (blocks: readonly AddressRange[]) =>
      blocks
        .filter(({ base }) => base >= components.base && base <= last)
        .flatMap((block) => addressesOf(block).slice(0, block.base + block.size > last ? -1 : undefined))
        .find((address) => !taken.has(address));
    if (own === undefined) {
      await device.ensure();
      own = (await device.claimed()).map(addressRange);
    }
    const found = choose(own);
    if (found !== undefined) return found;
    for (const block of blocksOf(components, BLOCK)) {
      if (own.some(({ base }) => base === block.base) || !(await device.claim(block))) continue;
      own = [...own, block];
      return choose([block]);
    }
    return undefined;
  }

  return {
    setPodCidr(next) {
      cidr = next;
      known.resolve();
    },
    async keep(taken) {
      const routed = taken.filter((address) => !contains(LOOPBACK, address));
      if (routed.length === 0) return;
      try {
        await device.ensure();
        const have = (await device.claimed()).map(addressRange);
        const missing = routed.filter((address) => !have.some((block) => contains(block, address)));
        const blocks = new Map(missing.map((address) => addressRange(`${address}/${BLOCK_BITS}`)).map((block) => [block.base, block]));
        for (const block of blocks.values()) if (!(await device.claim(block))) log.warn({ block: rangeText(block) }, "addresses that pods here have belong to another agent on this machine now");
        own = undefined;
      } catch (error) {
        log.warn({ error: String(error) }, "the addresses of component pods cannot be made again; their components will not start");
      }
    },
    async take(taken) {
      waited ??= Promise.race([known.promise, sleep(clock, RANGE_WAIT_MS)]);
      await waited;
      if (cidr === undefined) return useFallback("the server has assigned no pod addresses to this node", taken);
      try {
        return (await free(cidr, taken)) ?? (await useFallback(`no address of ${cidr} is free: pods of this or of another agent on this machine have them`, taken));
      } catch (error) {
        return useFallback(error instanceof Error ? error.message : String(error), taken);
      }
    },
    remove() {
      own = undefined;
      return device.remove();
    },
  };
}

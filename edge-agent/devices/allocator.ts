/**
 * Which container has which devices. A container keeps what it got over restarts of itself and of the agent; the note on
 * disk is written before the container is made, so that a power cut never gives one device to two.
 */
import { readFile } from "node:fs/promises";
import type { Container, Pod } from "../../core/api/types.gen.ts";
import { podUid } from "../containers.ts";
import { replaceFile } from "../disk.ts";
import { quantity } from "../quantity.ts";
import { together, type DeviceGrant, type DeviceSource } from "./device-source.ts";

export interface Allocation {
  readonly pod: string;
  readonly container: string;
  readonly resource: string;
  readonly ids: readonly string[];
}

export interface DeviceAllocator {
  /** healthy devices by resource name, as the node's capacity shows them */
  counts(): { readonly [resource: string]: number };
  /** what the container asks for. @throws Error when there are not enough of a kind */
  allocate(pod: Pod, container: Pick<Container, "name" | "resources">): Promise<DeviceGrant>;
  /** devices of all other pods are free again */
  keepOnly(pods: ReadonlySet<string>): Promise<void>;
}

export async function deviceAllocator({ file, sources }: { readonly file: string; readonly sources: readonly DeviceSource[] }): Promise<DeviceAllocator> {
  let allocations = await readNote(file);
  // one after the other: two must not see the same device free
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work);
    turn = done.catch(() => {});
    return done;
  };
  const note = async (next: readonly Allocation[]) => {
    await replaceFile(file, JSON.stringify(next));
    allocations = next;
  };

  return {
    counts() {
      const out: { [resource: string]: number } = {};
      for (const source of sources) for (const [resource, devices] of source.offers()) out[resource] = devices.filter(({ healthy }) => healthy).length;
      return out;
    },
    allocate: (pod, container) =>
      inTurn(async () => {
        const grants: DeviceGrant[] = [];
        for (const [resource, text] of Object.entries(container.resources?.limits ?? {})) {
          const source = sources.find((each) => each.offers().has(resource));
          const known = allocations.find((each) => each.pod === podUid(pod) && each.container === container.name && each.resource === resource);
          if (source === undefined && known === undefined) continue;
          if (source === undefined) throw new Error(`nobody offers the devices ${resource} of container ${container.name} any more`);
          const ids = known?.ids ?? choose(source, resource, quantity(text), allocations);
          if (known === undefined) await note([...allocations, { pod: podUid(pod), container: container.name, resource, ids }]);
          grants.push(await source.grant(resource, ids));
        }
        return together(grants);
      }),
    keepOnly: (pods) =>
      inTurn(async () => {
        const next = allocations.filter(({ pod }) => pods.has(pod));
        if (next.length < allocations.length) await note(next);
      }),
  };
}

/** The first free ones. @throws Error in kubelet's words */
function choose(source: DeviceSource, resource: string, wanted: number, allocations: readonly Allocation[]): readonly string[] {
  const taken = new Set(allocations.filter((each) => each.resource === resource).flatMap(({ ids }) => ids));
  const free = (source.offers().get(resource) ?? []).filter(({ id, healthy }) => healthy && !taken.has(id)).map(({ id }) => id);
  if (free.length < wanted) throw new Error(`requested number of devices unavailable for ${resource}. Requested: ${wanted}, Available: ${free.length}`);
  return free.slice(0, wanted);
}

async function readNote(file: string): Promise<readonly Allocation[]> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as readonly Allocation[];
  } catch {
    return [];
  }
}

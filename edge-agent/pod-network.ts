/** Which addresses pods get: what the configuration says, else what the server assigned, else a guess from the name. */
import { createHash } from "node:crypto";
import type { Clock } from "../core/api/clock.ts";
import type { Log } from "../core/api/log.ts";
import type { Node } from "../core/api/types.gen.ts";
import type { Desired } from "./desired.ts";

/** The server assigns the range moments after it made the Node. */
const ASSIGNMENT_MS = 5_000;

export interface PodNetworkParts {
  readonly node: string;
  readonly configured: string | undefined;
  readonly desired: Desired;
  readonly clock: Clock;
  readonly log: Log;
  readonly set: (cidr: string) => Promise<unknown>;
}

export function followPodCidr({ node, configured, desired, clock, log, set }: PodNetworkParts): void {
  let current: string | undefined;
  const use = (cidr: string) => {
    if (cidr === current) return;
    current = cidr;
    set(cidr).catch((error: unknown) => log.error({ error: String(error) }, "the pod network could not be configured"));
  };
  let waiting = false;
  const look = () => {
    if (configured !== undefined) return use(configured);
    const object = desired.get("v1/nodes", "", node) as Node | undefined;
    const assigned = object?.spec?.podCIDR;
    if (assigned !== undefined && assigned !== "") return use(assigned);
    if (object === undefined || waiting || current !== undefined) return;
    waiting = true;
    clock.after(ASSIGNMENT_MS, () => {
      if (current !== undefined) return;
      const guess = `10.88.${createHash("sha256").update(node).digest()[0]}.0/24`;
      log.warn({ podCidr: guess }, "the server assigned no pod addresses; using a range made from the device's name");
      use(guess);
    });
  };
  desired.onChange(look);
  look();
}

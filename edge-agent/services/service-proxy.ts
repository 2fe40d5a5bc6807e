/**
 * Services on this device: follows what the server said of them and keeps the kernel's packet rules in step. One change
 * waits while another is carried out, and then all that came meanwhile are one.
 */
import type { Clock } from "../../core/api/clock.ts";
import type { Log } from "../../core/api/log.ts";
import type { AnyObject } from "../../core/api/meta.ts";
import type { EndpointSlice, NetworkPolicy, Pod, Service } from "../../core/api/types.gen.ts";
import type { Desired } from "../desired.ts";
import { goneEndpoints, type GoneParts } from "./gone-endpoints.ts";
import { noPacketRules, packetRules } from "./nft-rules.ts";
import { isolatedPods, policiesFor, type PodHere } from "./pod-policies.ts";
import { listedTargets, serviceRoutes, silentTargets } from "./service-routes.ts";

export interface ServiceProxyParts {
  readonly node: string;
  readonly table: string;
  readonly desired: Pick<Desired, "list" | "onChange">;
  /** nft(8): carries out a whole text or nothing of it. @throws Error */
  readonly nft: (text: string) => Promise<void>;
  /** that run on this device */
  readonly pods: () => readonly PodHere[];
  readonly ownPods: () => string | undefined;
  readonly clusterPods: () => readonly string[];
  /** called before traffic has to pass through this device */
  readonly forward: () => Promise<void>;
  readonly answers: GoneParts["answers"];
  readonly clock: Clock;
  readonly log: Log;
}

export interface ServiceProxy {
  /** false: this device cannot do it, and somebody else has to */
  readonly works: boolean;
  /**
   * Before a pod's containers start: what its NetworkPolicies forbid is forbidden. @returns why it is not, on a device that
   * cannot. @throws Error when it could not be done yet
   */
  isolate(pod: Pod): Promise<string | undefined>;
  /** something else than the desired set has changed; resolves when the kernel has it */
  refresh(): Promise<void>;
  /** stops following; the rules stay, as the pods do */
  close(): Promise<void>;
  /** takes the rules away */
  remove(): Promise<void>;
}

/** A kernel that refused may have been out of memory. */
const RETRY_MS = 10_000;

export async function serviceProxy(parts: ServiceProxyParts): Promise<ServiceProxy> {
  const { node, table, desired, nft, clock, log } = parts;
  let applied: string | undefined;
  let failed: unknown;
  let running: Promise<void> | undefined;
  let again = false;
  const closing = new AbortController();
  let cancelRetry: (() => void) | undefined;
  const gone = goneEndpoints({ answers: parts.answers, onChange: () => void apply(), clock });

  const policies = () => desired.list("networking.k8s.io/v1/networkpolicies") as readonly NetworkPolicy[];

  async function applyOnce(): Promise<void> {
    const facts = { node, services: desired.list("v1/services") as readonly Service[], slices: desired.list("discovery.k8s.io/v1/endpointslices") as readonly (AnyObject & EndpointSlice)[] };
    const routes = serviceRoutes(facts);
    gone.look(listedTargets(facts), silentTargets(facts));
    const text = packetRules({ table, routes, gone: gone.list(), isolated: isolatedPods(parts.pods(), policies()), ownPods: parts.ownPods(), clusterPods: parts.clusterPods() });
    if (text === applied) return;
    if (routes.some(({ nodePort, outside }) => nodePort !== undefined || outside.length > 0)) await parts.forward();
    await nft(text);
    applied = text;
  }

  function apply(): Promise<void> {
    if (closing.signal.aborted) return Promise.resolve();
    again = true;
    running ??= (async () => {
      while (again && !closing.signal.aborted) {
        again = false;
        cancelRetry?.();
        failed = undefined;
        await applyOnce().catch((error: unknown) => {
          failed = error;
          log.error({ error: String(error) }, "the rules of Services could not be set; trying again");
          cancelRetry = clock.after(RETRY_MS, () => void apply());
        });
      }
      running = undefined;
    })();
    return running;
  }

  const reason = await nft(noPacketRules(`${table}-try`)).then(() => undefined, lacking);
  const works = reason === undefined;
  if (!works) log.warn({ reason }, "Services cannot be served by this device's kernel: containers here do not reach them; components do, by the host of each");
  if (works) {
    desired.onChange(() => void apply());
    await apply();
  }
  return {
    works,
    async isolate(pod) {
      const [first] = policiesFor(pod, policies());
      if (!works) return first === undefined ? undefined : `NetworkPolicy ${first.metadata.name} selects this pod, and this device cannot enforce it: ${reason}`;
      // none at all: nothing to wait for
      if (policies().length === 0) return undefined;
      await apply();
      if (first !== undefined && failed !== undefined) throw new Error(`NetworkPolicy ${first.metadata.name} could not be enforced yet: ${String(failed)}`);
      return undefined;
    },
    refresh: () => (works ? apply() : Promise.resolve()),
    async close() {
      closing.abort();
      cancelRetry?.();
      gone.close();
      await running;
    },
    async remove() {
      if (works) await nft(noPacketRules(table)).catch((error: unknown) => log.warn({ error: String(error) }, "the rules of Services could not be taken away"));
    },
  };
}

/** What is missing for good; anything else (a busy kernel, another's change at the same time) is tried again. */
function lacking(error: unknown): string | undefined {
  const { message, code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || /not root|not permitted|not supported/i.test(message) ? message : undefined;
}

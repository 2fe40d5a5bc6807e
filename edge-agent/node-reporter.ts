/** Looks at the machine now and then and reports the Node when something about it changed. */
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../core/api/clock.ts";
import type { Log } from "../core/api/log.ts";
import type { AnyObject } from "../core/api/meta.ts";
import type { NodeCondition, NodeStatus } from "../core/api/types.gen.ts";
import type { FirmwareProfile } from "../firmware-profiles/profile.ts";
import { AGENT_VERSION } from "./config.ts";
import { diskSpace, type MachineFacts } from "./facts.ts";
import { nodeLabels, nodeStatus, type NodeInput, type Pressure, type RuntimeReport } from "./node.ts";
import type { Report } from "./report.ts";
import type { ImageOnDevice, Runtime, RuntimeFeatures } from "./runtimes/runtime.ts";
import type { Settings } from "./settings.ts";

export interface NodeReporterParts {
  readonly name: string;
  readonly site: string | undefined;
  readonly profile: FirmwareProfile | undefined;
  readonly facts: MachineFacts;
  readonly runtimes: readonly Runtime[];
  readonly dataDir: string;
  readonly settings: Settings;
  readonly addresses: () => readonly string[];
  readonly pressure: () => Pressure;
  /** extended resources by name */
  readonly devices?: (() => { readonly [resource: string]: number }) | undefined;
  readonly report: Report;
  readonly clock: Clock;
  readonly log: Log;
}

export interface NodeReporter {
  /** looks at once */
  look(): Promise<void>;
  ready(): boolean;
  status(): NodeStatus | undefined;
  onReady(listener: () => void): void;
  close(): void;
}

const LOOK_MS = 10_000;
export function nodeReporter(parts: NodeReporterParts): NodeReporter {
  const { clock, report, runtimes, facts, log } = parts;
  const known = new Map<Runtime, Known>();
  const listeners: (() => void)[] = [];
  let conditions: readonly NodeCondition[] = [];
  let status: NodeStatus | undefined;
  let cancel: (() => void) | undefined;
  let closed = false;

  const look = async (): Promise<void> => {
    const disk = await diskSpace(parts.dataDir);
    const looked = await Promise.all(runtimes.map((runtime) => lookAt(runtime, known.get(runtime), clock)));
    runtimes.forEach((runtime, index) => {
      const found = looked[index];
      if (found !== undefined) known.set(runtime, found.known);
    });
    const input: NodeInput = {
      name: parts.name,
      facts,
      profile: parts.profile,
      site: parts.site,
      addresses: parts.addresses(),
      diskBytes: disk.sizeBytes,
      pressure: parts.pressure(),
      runtimes: looked.map(({ report: each }) => each),
      agentVersion: AGENT_VERSION,
      devices: parts.devices?.() ?? {},
      settings: parts.settings,
      images: looked.flatMap(({ known: { images } }) => images),
      previous: conditions,
      now: clock.now(),
    };
    const next = nodeStatus(input);
    const wasReady = isReady(status);
    conditions = next.conditions ?? [];
    if (!isDeepStrictEqual(next, status)) report.node({ labels: nodeLabels(input), status: next as unknown as AnyObject });
    status = next;
    if (isReady(next) && !wasReady) for (const listener of listeners) listener();
    if (!isReady(next) && wasReady) log.warn({ why: next.conditions?.find(({ type }) => type === "Ready")?.message }, "this device is not ready");
  };
  const loop = () => {
    if (closed) return;
    // eager until it works: a device that starts becomes ready when its runtime does
    cancel = clock.after(isReady(status) ? LOOK_MS : EAGER_MS, () => {
      look()
        .catch((error: unknown) => log.warn({ error: String(error) }, "the machine could not be looked at"))
        .finally(loop);
    });
  };
  loop();

  return {
    look,
    ready: () => isReady(status),
    status: () => status,
    onReady: (listener) => void listeners.push(listener),
    close() {
      closed = true;
      cancel?.();
    },
  };
}

const EAGER_MS = 500;

/** A runtime that is restarted, or slow for a moment, makes no device unready: its pods run on (kubelet's baseRuntimeSyncThreshold). */
const SILENCE_MS = 30_000;

/** What was known of a runtime when it last answered. */
interface Known {
  readonly version: string;
  readonly features: RuntimeFeatures | undefined;
  readonly images: readonly ImageOnDevice[];
  /** what it said was wrong with it */
  readonly problem: string | undefined;
  /** monotonic */
  readonly answeredAt: number;
  /** when it was asked for all of this, monotonic */
  readonly askedAt: number;
}

/** What a runtime is and has changes with its program and its images, and both rarely. */
const ANSWERS_HOLD_MS = 60_000;

/** A runtime that has a problem is asked nothing more: each question to one that hangs takes its whole deadline. */
async function lookAt(runtime: Runtime, before: Known | undefined, clock: Clock): Promise<{ readonly report: RuntimeReport; readonly known: Known }> {
  const seen = (known: Known, problem: string | undefined) => ({ known, report: { handler: runtime.handler, version: known.version, features: known.features, problem } });
  try {
    const problem = await runtime.health();
    const now = clock.monotonic();
    const answer = { problem, answeredAt: now };
    const holds = before !== undefined && (problem !== undefined || (before.problem === undefined && now - before.askedAt < ANSWERS_HOLD_MS));
    return seen(holds ? { ...before, ...answer } : { ...(await answersOf(runtime, before)), ...answer, askedAt: now }, problem);
  } catch (error) {
    // it may be another program when it is back
    const known = { ...(before ?? silent(runtime)), askedAt: NEVER };
    if (before !== undefined && clock.monotonic() - before.answeredAt < SILENCE_MS) return seen(known, before.problem);
    return seen(known, `container runtime is down: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const NEVER = Number.NEGATIVE_INFINITY;

/** One that has never answered. */
function silent({ handler }: Runtime): Known {
  return { version: `${handler}://unknown`, features: undefined, images: [], problem: undefined, answeredAt: NEVER, askedAt: NEVER };
}

async function answersOf(runtime: Runtime, before: Known | undefined): Promise<Pick<Known, "version" | "features" | "images">> {
  const [version, features, images] = await Promise.all([
    runtime.version().catch(() => before?.version ?? `${runtime.handler}://unknown`),
    runtime.features?.().catch(() => before?.features),
    runtime.images().catch(() => before?.images ?? []),
  ]);
  return { version, features, images };
}

function isReady(status: NodeStatus | undefined): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
}

/**
 * API Priority and Fairness: every request belongs to a flow of a FlowSchema and takes a seat of its priority level; no
 * seat free means waiting in line or, with the line too long, 429. A client that floods the server delays itself.
 * All requests count one seat. In-process callers do not come through here: controllers are bounded by their own queues.
 */
import type { Clock } from "../../api/clock.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "../../api/types.gen.ts";
import type { User } from "../../api/user.ts";
import type { Asked } from "./asked.ts";
import { isStream } from "./asked.ts";
import { flowOf, inPrecedence, matches } from "./classify.ts";
import type { RequestLimit, Ticket } from "./limit.ts";
import { tooManyRequests } from "./limit.ts";
import type { Level, LevelLimits } from "./seats.ts";
import { dequeue, enqueue, hasSeat, limitsOf, openLevel } from "./seats.ts";

export interface FairnessParts {
  readonly clock: Clock;
  /** seats of all levels together (kube-apiserver: --max-requests-inflight plus --max-mutating-requests-inflight) */
  readonly seats: number;
  readonly schemas: () => readonly FlowSchema[];
  readonly levels: () => readonly PriorityLevelConfiguration[];
}

export interface Fairness extends RequestLimit {
  /** schemas or levels have changed */
  refresh(): void;
}

/** A quarter of kube-apiserver's --request-timeout: a client that waited longer has little time left for its answer. */
const QUEUE_WAIT_MS = 15_000;
/** Where a request goes that no schema fits: such a cluster has lost its catch-all schema. */
const LAST_RESORT: LevelLimits = { nominal: 10, lendable: 0, borrowable: 0, queues: 0, handSize: 0, queueLength: 0 };
/** Kinds of requests remembered per user: there are some hundred resources and verbs that one client uses. */
const KNOWN_MAX = 512;

const streaming: Ticket = { headers: {}, done() {} };

interface Class {
  readonly schema: FlowSchema | undefined;
  /** undefined: exempt */
  readonly level: Counted | undefined;
  readonly headers: Ticket["headers"];
}

interface Counted extends Level {
  refused: number;
  /** stays for requests that hold its seats after its object is gone */
  readonly done: () => void;
}

export function openFairness({ clock, seats, schemas, levels }: FairnessParts): Fairness {
  const counted = new Map<string, Counted>();
  let ordered: readonly FlowSchema[] = [];
  let configured: ReadonlyMap<string, PriorityLevelConfiguration> = new Map();
  let known = new WeakMap<User, Map<string, Class>>();

  const level = (name: string, limits: LevelLimits): Counted => {
    const there = counted.get(name);
    if (there !== undefined) {
      there.limits = limits;
      return there;
    }
    const made: Counted = { ...openLevel(name, limits), refused: 0, done: () => release(made) };
    counted.set(name, made);
    return made;
  };

  function refresh(): void {
    ordered = inPrecedence(schemas());
    configured = new Map(levels().map((each) => [each.metadata.name ?? "", each]));
    known = new WeakMap();
    for (const [name, limits] of limitsOf([...configured.values()], seats)) level(name, limits);
    // nothing new comes to a level that is gone; what waits there is let through
    for (const [name, gone] of counted) {
      if (configured.get(name)?.spec?.type === "Limited") continue;
      counted.delete(name);
      for (let waiting = dequeue(gone); waiting !== undefined; waiting = dequeue(gone)) {
        gone.running++;
        waiting();
      }
    }
    serve();
  }

  function classOf(asked: Asked): Class {
    const { resource, verb } = asked;
    // other paths are few words of many: not remembered
    if (resource === undefined) return classify(asked);
    const key = `${verb} ${resource.group}/${resource.plural}/${resource.subresource ?? ""} ${resource.namespace ?? ""}`;
    let classes = known.get(asked.user);
    if (classes === undefined || classes.size >= KNOWN_MAX) known.set(asked.user, (classes = new Map()));
    let found = classes.get(key);
    if (found === undefined) classes.set(key, (found = classify(asked)));
    return found;
  }

  function classify(asked: Asked): Class {
    const schema = ordered.find((each) => configured.has(each.spec?.priorityLevelConfiguration.name ?? "") && matches(each, asked));
    const name = schema?.spec?.priorityLevelConfiguration.name ?? "catch-all";
    const configuration = configured.get(name);
    return {
      schema,
      level: configuration?.spec?.type === "Exempt" ? undefined : (counted.get(name) ?? level(name, LAST_RESORT)),
      headers: {
        "X-Kubernetes-PF-FlowSchema-UID": schema?.metadata.uid ?? "",
        "X-Kubernetes-PF-PriorityLevel-UID": configuration?.metadata.uid ?? "",
      },
    };
  }

  function release(of: Counted): void {
    of.running--;
    serve();
  }

  /** Hands free seats to who waits. A seat may be lent to another level, so all are asked. */
  function serve(): void {
    for (const each of counted.values()) {
      while (each.queues.size > 0 && hasSeat(each, counted.values())) {
        each.running++;
        dequeue(each)?.();
      }
    }
  }

  function wait(asked: Asked, { schema, level: of, headers }: Class & { readonly level: Counted }): Promise<Ticket> {
    return new Promise((resolve, reject) => {
      const flow = schema === undefined ? "" : `${schema.metadata.name}\n${flowOf(schema, asked)}`;
      const leave = enqueue(of, flow, () => {
        cancel();
        resolve({ headers, done: of.done });
      });
      const refuse = () => {
        of.refused++;
        reject(tooManyRequests());
      };
      if (leave === undefined) return refuse();
      const cancel = clock.after(QUEUE_WAIT_MS, () => {
        leave();
        refuse();
      });
    });
  }

  refresh();
  return {
    refresh,
    admit(asked) {
      if (isStream(asked)) return streaming;
      const found = classOf(asked);
      const { level: of, headers } = found;
      if (of === undefined) return { headers, done() {} };
      // who came first goes first
      if (of.queues.size === 0 && hasSeat(of, counted.values())) {
        of.running++;
        return { headers, done: of.done };
      }
      return wait(asked, { ...found, level: of });
    },
    load: () =>
      [...counted.values()].map(({ name, running, queues, refused, limits }) => ({
        level: name,
        running,
        waiting: [...queues.values()].reduce((sum, queue) => sum + queue.length, 0),
        refused,
        seats: limits.nominal,
      })),
  };
}

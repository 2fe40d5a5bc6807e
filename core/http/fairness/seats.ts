/**
 * Seats of priority levels: how many requests of a level may run at once, what it may borrow of others, and in which order
 * its waiting requests get a seat. Waiting requests stand in queues; a free seat goes to the queues in turn, so a flow with
 * a thousand waiting requests and a flow with one are served alike.
 */
import type { PriorityLevelConfiguration } from "../../api/types.gen.ts";
import { dealHand } from "./shuffle-sharding.ts";

export interface LevelLimits {
  readonly nominal: number;
  /** of the nominal seats, how many others may use while they are free */
  readonly lendable: number;
  /** how many seats of others this level may use */
  readonly borrowable: number;
  /** 0: what finds no seat is refused at once */
  readonly queues: number;
  readonly handSize: number;
  readonly queueLength: number;
}

export type Waiting = () => void;

export interface Level {
  readonly name: string;
  limits: LevelLimits;
  running: number;
  readonly queues: Map<number, Waiting[]>;
  /** the queue that was served last */
  turn: number;
}

/** kube-apiserver's defaults of LimitedPriorityLevelConfiguration */
const SHARES = 30;
const QUEUES = 64;
const HAND = 8;
const QUEUE_LENGTH = 50;

/** The limits of all levels that have some, by name: they share `total` seats in proportion to their shares. */
export function limitsOf(levels: readonly PriorityLevelConfiguration[], total: number): ReadonlyMap<string, LevelLimits> {
  const limited = levels.filter(({ spec }) => spec?.type === "Limited");
  const sum = limited.reduce((all, level) => all + shares(level), 0);
  return new Map(
    limited.map((level) => {
      const { limitResponse, lendablePercent = 0, borrowingLimitPercent } = level.spec?.limited ?? {};
      const nominal = sum === 0 ? 0 : Math.ceil((total * shares(level)) / sum);
      const queuing = limitResponse?.type === "Queue" ? (limitResponse.queuing ?? {}) : undefined;
      return [
        level.metadata.name ?? "",
        {
          nominal,
          lendable: Math.round((nominal * lendablePercent) / 100),
          borrowable: borrowingLimitPercent === undefined ? Infinity : Math.round((nominal * borrowingLimitPercent) / 100),
          queues: queuing === undefined ? 0 : (queuing.queues ?? QUEUES),
          handSize: queuing?.handSize ?? HAND,
          queueLength: queuing?.queueLengthLimit ?? QUEUE_LENGTH,
        },
      ];
    }),
  );
}

const shares = ({ spec }: PriorityLevelConfiguration) => spec?.limited?.nominalConcurrencyShares ?? SHARES;

export function openLevel(name: string, limits: LevelLimits): Level {
  return { name, limits, running: 0, queues: new Map(), turn: -1 };
}

/**
 * May one more request of this level run? The part of its seats that it does not lend is always its own. Beyond that it
 * takes of the pool of lent seats, its own among them, so that all levels together never run more than there are seats.
 */
export function hasSeat({ limits, running }: Level, all: Iterable<Level>): boolean {
  if (running < limits.nominal - limits.lendable) return true;
  if (running >= limits.nominal + limits.borrowable) return false;
  let pool = 0;
  for (const { limits: of, running: taken } of all) pool += of.lendable - Math.max(0, taken - (of.nominal - of.lendable));
  return pool > 0;
}

/** Puts a request into the shortest queue of its flow's hand; undefined when there is no place. The result takes it out again. */
export function enqueue(level: Level, flow: string, waiting: Waiting): (() => void) | undefined {
  const { queues, handSize, queueLength } = level.limits;
  const lengthOf = (queue: number) => level.queues.get(queue)?.length ?? 0;
  const [shortest] = dealHand(flow, queues, handSize).toSorted((a, b) => lengthOf(a) - lengthOf(b));
  if (shortest === undefined || lengthOf(shortest) >= queueLength) return undefined;
  const queue = level.queues.get(shortest) ?? [];
  level.queues.set(shortest, queue);
  queue.push(waiting);
  return () => {
    const at = queue.indexOf(waiting);
    if (at >= 0) queue.splice(at, 1);
    if (queue.length === 0 && level.queues.get(shortest) === queue) level.queues.delete(shortest);
  };
}

/** The request that is next: the oldest of the queue after the one served last. */
export function dequeue(level: Level): Waiting | undefined {
  let next: number | undefined;
  let first: number | undefined;
  for (const queue of level.queues.keys()) {
    if (queue > level.turn && (next === undefined || queue < next)) next = queue;
    if (first === undefined || queue < first) first = queue;
  }
  const turn = next ?? first;
  if (turn === undefined) return undefined;
  level.turn = turn;
  const queue = level.queues.get(turn);
  const waiting = queue?.shift();
  if (queue?.length === 0) level.queues.delete(turn);
  return waiting;
}

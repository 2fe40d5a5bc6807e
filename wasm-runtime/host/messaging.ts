/** lichen:messaging/topics: publishing and subscribing through the agent, which knows what was granted. */
import type { AgentLine } from "./agent-line.ts";
import { MAX_MESSAGE_BYTES, MAX_SUBSCRIPTIONS } from "./agent-lines.ts";
import type { LineUp, MessageError } from "./agent-lines.ts";
import { Failure, Pollable } from "./io.ts";
import { lookAround, waitFor } from "./waiting.ts";

interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** Per subscription; the oldest go first. */
const MAX_WAITING = 256;
/** The agent answers at once, unless it is being restarted. */
const ANSWER_NS = 5_000_000_000n;

interface Queue {
  readonly filter: string;
  readonly messages: Message[];
  lost: bigint;
}

interface Asked {
  readonly id: number;
  readonly until: bigint;
  answer: { readonly error?: MessageError } | undefined;
}

export function messaging(line: AgentLine, refused: (what: string) => void) {
  const queues = new Map<number, Queue>();
  let last = 0;
  /** One guest asks one thing at a time. A call that waits may be begun anew, and must not ask twice. */
  let asked: Asked | undefined;

  line.listen(
    (down) => {
      if (down.say === "done") {
        if (down.id === asked?.id) asked.answer = down;
        return;
      }
      const queue = queues.get(down.id);
      if (queue === undefined) return;
      if (queue.messages.length >= MAX_WAITING) {
        queue.messages.shift();
        queue.lost++;
      }
      queue.messages.push({ topic: down.topic, payload: Buffer.from(down.payload, "base64") });
    },
    () => {
      for (const [id, { filter }] of queues) line.write({ say: "subscribe", id, filter });
    },
  );

  /** @returns the number it went by. @throws Failure */
  function ask(what: string, of: (id: number) => LineUp): number {
    if (asked === undefined) {
      if (!line.reached()) throw new Failure<MessageError>("unreachable");
      asked = { id: ++last, until: process.hrtime.bigint() + ANSWER_NS, answer: undefined };
      line.write(of(asked.id));
    }
    const { id, until } = asked;
    waitFor(() => asked?.answer !== undefined, until);
    const error = asked.answer === undefined ? "unreachable" : asked.answer.error;
    asked = undefined;
    if (error !== undefined) queues.delete(id);
    if (error === "denied") refused(what);
    if (error !== undefined) throw new Failure<MessageError>(error);
    return id;
  }

  class Subscription {
    #id = 0;
    #queue: Queue | undefined;

    static open(filter: string): Subscription {
      if (queues.size >= MAX_SUBSCRIPTIONS) throw new Failure<MessageError>("busy");
      const id = ask(`messages of "${filter.slice(0, 128)}"`, (number) => {
        // before the answer: the first message may come with it
        queues.set(number, { filter, messages: [], lost: 0n });
        return { say: "subscribe", id: number, filter };
      });
      const subscription = new Subscription();
      subscription.#id = id;
      subscription.#queue = queues.get(id);
      return subscription;
    }

    receive(): Message | undefined {
      lookAround();
      return this.#queue?.messages.shift();
    }

    lost(): bigint {
      return this.#queue?.lost ?? 0n;
    }

    subscribe(): Pollable {
      const queue = this.#queue;
      return Pollable.when(() => (queue?.messages.length ?? 0) > 0);
    }

    [Symbol.dispose](): void {
      if (queues.delete(this.#id)) line.write({ say: "unsubscribe", id: this.#id });
    }
  }

  return {
    interface: {
      Subscription,
      publish(topic: string, payload: Uint8Array): void {
        if (payload.length > MAX_MESSAGE_BYTES) throw new Failure<MessageError>("invalid");
        ask(`publishing to "${topic.slice(0, 128)}"`, (id) => ({ say: "publish", id, topic, payload: Buffer.from(payload).toString("base64") }));
      },
    },
    /** the instance is gone, and with it who would take messages */
    reset() {
      asked = undefined;
      for (const id of queues.keys()) line.write({ say: "unsubscribe", id });
      queues.clear();
    },
  };
}

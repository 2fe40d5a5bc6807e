/** A watch as a test reads it: events in order, waited for by what they are, never by how long they take. */
import type { IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import type { KubeObject } from "../../../core/api/meta.ts";

export interface Event<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: T;
}

export interface Watching<T> {
  /** the next event; rejects when the watch ends or nothing comes */
  next(): Promise<Event<T>>;
  /** skips events up to the first that fits */
  until(type: Event<T>["type"], fits?: (object: T) => boolean): Promise<Event<T>>;
  close(): void;
}

/** For a broken system, not a measure of speed. */
const PATIENCE_MS = 30_000;

export function watching<T extends KubeObject>(response: IncomingMessage): Watching<T> {
  const lines = createInterface({ input: response })[Symbol.asyncIterator]();
  response.on("error", () => undefined);
  const next = async (): Promise<Event<T>> => {
    const silence = setTimeout(() => response.destroy(new Error("the watch said nothing")), PATIENCE_MS);
    const { value, done } = await lines.next();
    clearTimeout(silence);
    if (done === true) throw new Error("the watch ended before the expected event");
    return JSON.parse(value) as Event<T>;
  };
  return {
    next,
    async until(type, fits = () => true) {
      const skipped: string[] = [];
      for (;;) {
        try {
          const event = await next();
          if (event.type === type && fits(event.object)) return event;
          skipped.push(`${event.type} ${event.object.metadata?.name}`);
        } catch (error) {
          throw new Error(`no ${type} event; seen: ${skipped.join(", ")}`, { cause: error });
        }
      }
    },
    close: () => void response.destroy(),
  };
}

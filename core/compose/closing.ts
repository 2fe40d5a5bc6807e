/** What was opened, closed in reverse order: each part may rely on the ones before it until its own close is done. */
import type { Log } from "../api/log.ts";

export interface Closing {
  add(name: string, close: () => Promise<void> | void): void;
  /** once; a part that fails to close is logged and does not keep the others open */
  close(): Promise<void>;
}

export function closing(log: Log): Closing {
  const parts: { readonly name: string; readonly close: () => Promise<void> | void }[] = [];
  let closed: Promise<void> | undefined;

  async function closeAll(): Promise<void> {
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      try {
        await part.close();
      } catch (error) {
        log.error({ error, part: part.name }, "closing failed");
      }
    }
  }

  return {
    add: (name, close) => void parts.push({ name, close }),
    close: () => (closed ??= closeAll()),
  };
}

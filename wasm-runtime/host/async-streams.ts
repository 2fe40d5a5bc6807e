/** Streams of WASI 0.3 as jco gives them to the host: a guest's end that is read, and what the host makes for a guest to read. */

/** The guest's end. `null` and `done` both end it. */
export interface GuestStream {
  read(options: { readonly count: number }): Promise<unknown>;
}

/** How a stream ended, as a future tells the guest. */
export type Outcome<E> = { readonly tag: "ok"; readonly val: undefined } | { readonly tag: "err"; readonly val: E };

export const done: Outcome<never> = { tag: "ok", val: undefined };

/** Bytes asked for at once. */
export const CHUNK_BYTES = 64 << 10;

/** The bytes that a guest writes into a stream it has handed over. */
export async function* chunksOf(stream: GuestStream): AsyncGenerator<Uint8Array> {
  for (;;) {
    const read = await stream.read({ count: CHUNK_BYTES });
    const ended = read === null || read === undefined || (read as { done?: unknown }).done === true;
    const value = ended ? (read as { value?: unknown } | null)?.value : ((read as { value?: unknown }).value ?? read);
    if (value instanceof Uint8Array) yield value;
    else if (typeof value === "number") yield Uint8Array.of(value);
    else if (Array.isArray(value)) yield Uint8Array.from(value as number[]);
    if (ended) return;
  }
}

/** A stream for the guest and the future that tells how it ended. @param fail what an error is to the guest */
export function told<T, E>(source: AsyncIterable<T> | Iterable<T>, fail: (error: unknown) => E): [AsyncIterable<T>, Promise<Outcome<E>>] {
  const { promise, resolve } = Promise.withResolvers<Outcome<E>>();
  async function* values(): AsyncGenerator<T> {
    try {
      yield* source;
      resolve(done);
    } catch (error) {
      resolve({ tag: "err", val: fail(error) });
    } finally {
      // the guest dropped it before its end
      resolve(done);
    }
  }
  return [values(), promise];
}

/**
 * Guests that share a thread (JSPI: JavaScript Promise Integration, WebAssembly). A guest that has to wait is set aside with its
 * stack and others run. The glue between guest and host is synchronous JavaScript, which cannot be set aside; so
 *
 *   in:  a host function that must wait throws before it has done anything, here, below the glue; when there is nothing to
 *        wait for any more, the glue's function is called anew with the same arguments, and its value goes to the guest
 *   out: the glue's export is called once to learn which function of the guest it calls with which arguments, and that one is
 *        then called as a promise. What it returns is the core function's value: the exports of a world need no more
 */
import type { Imports } from "./imports.ts";
import type { Exports, Link, Program } from "./module.ts";
import { NEVER } from "./waiting.ts";
import type { Waiting } from "./waiting.ts";

type Callable = (...args: readonly unknown[]) => unknown;

interface Awaited {
  readonly ready: () => boolean;
  readonly due: bigint;
}

/** Thrown through the glue, which passes errors on as they are; made once, since nobody asks for its stack. */
const anew = Object.create(Error.prototype) as Error;
/** What the host function that runs at this moment waits for; taken by whoever called it. */
let wanted: Awaited | undefined;

export const suspending: Waiting = {
  lookAround() {},
  before(ready, due) {
    if (ready() || due <= process.hrtime.bigint()) return;
    wanted = { ready, due };
    throw anew;
  },
  after(ready, due) {
    if (!ready() && due > process.hrtime.bigint()) wanted = { ready, due };
  },
};

/** Told when the guest goes in and out, so that somebody can say who does not come out. */
export interface Turns {
  begin(): void;
  /** @returns the moment (nanoseconds, monotonic) before which it may not begin again */
  end(): bigint;
}

export interface Guest {
  readonly exports: Exports;
  memoryBytes(): number;
  /** @param call calls one of the exports. @returns what the guest's own function gave */
  enter(call: () => unknown): Promise<unknown>;
  /** something has arrived for it */
  ring(): void;
  /** nothing of it runs again */
  abandon(): void;
}

/** setTimeout takes no more (31 bits) */
const MAX_TIMER_MS = 2_147_483_647;

/** @throws InstantiateError */
export function guestOf(program: Program, imports: Imports, turns: Turns): Guest {
  /** what the glue has of the guest's functions → the functions */
  const own = new Map<unknown, Callable>();
  const promising = new Map<Callable, (...args: readonly unknown[]) => Promise<unknown>>();
  let asked: ((callee: Callable, args: readonly unknown[]) => void) | undefined;
  let over = false;
  let notBefore = 0n;
  let look: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;

  function shown(exported: Callable): Callable {
    const stand: Callable = (...args) => {
      if (asked === undefined) return exported(...args);
      asked(exported, args);
      return 0;
    };
    own.set(stand, exported);
    return stand;
  }

  function suspendable(hostFunction: Callable): unknown {
    const call: Callable = (...args) => {
      if (over) throw new Error("the component has ended");
      wanted = undefined;
      try {
        const value = hostFunction(...args);
        const after = taken();
        return after === undefined ? value : aside(after).then(() => value);
      } catch (error) {
        if (error !== anew) throw error;
        return aside(taken() ?? { ready: () => true, due: 0n }).then(() => call(...args));
      }
    };
    return new WebAssembly.Suspending(call);
  }

  /** Resolves when the guest may go on. */
  function aside({ ready, due }: Awaited): Promise<void> {
    notBefore = turns.end();
    return new Promise((resolve) => {
      look = () => {
        const now = process.hrtime.bigint();
        if (now < notBefore || (now < due && !isSo(ready))) return wake(due, now);
        look = undefined;
        clearTimeout(timer);
        turns.begin();
        resolve();
      };
      wake(due, process.hrtime.bigint());
    });
  }

  /** Looks again at the moment, or when it has rested. */
  function wake(due: bigint, now: bigint): void {
    const at = now < notBefore ? notBefore : due;
    clearTimeout(timer);
    if (at < NEVER) timer = setTimeout(() => look?.(), Math.min(MAX_TIMER_MS, Math.ceil(Number(at > now ? at - now : 0n) / 1e6)));
  }

  const link: Link = (module, coreImports) => {
    const given = mapped(coreImports ?? {}, (value) => (typeof value === "function" ? (own.get(value) ?? suspendable(value as Callable)) : value));
    const instance = new WebAssembly.Instance(module, given);
    const exports = Object.fromEntries(Object.entries(instance.exports).map(([name, value]) => [name, typeof value === "function" ? shown(value as Callable) : value]));
    return { instance, exports };
  };

  turns.begin();
  let made: ReturnType<Program["instantiate"]>;
  try {
    made = program.instantiate(imports.interfaces, link);
  } finally {
    notBefore = turns.end();
  }

  function promised(callee: Callable) {
    const known = promising.get(callee) ?? WebAssembly.promising(callee);
    promising.set(callee, known);
    return known;
  }

  return {
    ...made,
    async enter(call) {
      if (notBefore > process.hrtime.bigint()) await new Promise((resolve) => setTimeout(resolve, Number(notBefore - process.hrtime.bigint()) / 1e6));
      if (over) throw new Error("the component has ended");
      let target: (() => Promise<unknown>) | undefined;
      asked = (callee, args) => {
        target ??= () => promised(callee)(...args);
      };
      try {
        call();
      } finally {
        asked = undefined;
      }
      if (target === undefined) throw new Error("the export calls nothing");
      turns.begin();
      try {
        return await target();
      } finally {
        notBefore = turns.end();
      }
    },
    ring: () => look?.(),
    abandon() {
      over = true;
      look = undefined;
      clearTimeout(timer);
    },
  };
}

/** What fails is told by the call that is begun anew. */
function isSo(ready: () => boolean): boolean {
  try {
    return ready();
  } catch {
    return true;
  }
}

function taken(): Awaited | undefined {
  const what = wanted;
  wanted = undefined;
  return what;
}

const mapped = (imports: WebAssembly.Imports, as: (value: unknown) => unknown): WebAssembly.Imports =>
  Object.fromEntries(Object.entries(imports).map(([namespace, values]) => [namespace, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, as(value)]))]));

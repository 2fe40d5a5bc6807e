/**
 * Who is in a guest of a shared process, for the agent: it reads the process's title, and ends the process when one guest does
 * not give way (nobody inside could). And how much a guest may run: its processor limit, and no more than half of the thread
 * for one that takes long turns, so that its neighbours run in between.
 */
import { busyTitle } from "./spec.ts";
import type { Turns } from "./suspending.ts";

const IDLE_TITLE = "lichen-wasi shared";
/** Shorter turns are nobody's trouble. */
const LONG_TURN_NS = 20_000_000n;
const THOUSAND = 1000n;

/** Writing a title costs as much as a tenth of a request; what it says may be older by this, far less than a turn may take. */
const REFRESH_MS = 500;

let told = { id: "", at: 0 };
let looking = false;

/** One that is stuck never gets to `look`: its title stays. */
function tell(id: string): void {
  const now = Date.now();
  if (id === told.id && now - told.at < REFRESH_MS) return;
  told = { id, at: now };
  process.title = busyTitle(now, id);
  if (looking) return;
  looking = true;
  setTimeout(look, REFRESH_MS);
}

function look(): void {
  looking = Date.now() - told.at < REFRESH_MS;
  if (looking) return void setTimeout(look, REFRESH_MS);
  told = { id: "", at: 0 };
  process.title = IDLE_TITLE;
}

/** @param cpuMillis thousandths of a processor; undefined: as much as there is */
export function turnsOf(id: string, cpuMillis: number | undefined): Turns & { readonly usedNs: () => bigint } {
  let began: bigint | undefined;
  let used = 0n;
  return {
    begin() {
      tell(id);
      began = process.hrtime.bigint();
    },
    end() {
      const now = process.hrtime.bigint();
      const turn = began === undefined ? 0n : now - began;
      began = undefined;
      used += turn;
      const forLimit = cpuMillis === undefined || cpuMillis >= 1000 ? 0n : (turn * (THOUSAND - BigInt(cpuMillis))) / BigInt(Math.max(1, cpuMillis));
      const forOthers = turn > LONG_TURN_NS ? turn : 0n;
      return now + (forLimit > forOthers ? forLimit : forOthers);
    },
    usedNs: () => used,
  };
}

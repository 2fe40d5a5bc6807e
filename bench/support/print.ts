/** What every benchmark prints: `name value unit (anchor …)`, and the load of the machine with which it was measured. */
import { loadavg } from "node:os";

export function line(name: string, value: number, unit: string, anchor: string): void {
  console.log(`${name} ${Number(value.toPrecision(4))} ${unit} (${anchor})`);
}

/** Load average of the last minute, and what a fixed piece of work costs at the moment: figures of a busy machine are worth less. */
export function printLoad(when: string): void {
  console.log(`# load ${when}: ${loadavg()[0]?.toFixed(2)}; fixed work: ${fixedWork().toFixed(1)} us of processor time`);
}

/** Neighbours on the same cores take caches and clock rate away: processor time grows, too. */
function fixedWork(): number {
  const text = JSON.stringify(Array.from({ length: 40 }, (_, index) => ({ name: `name-${index}`, labels: { app: "fixed", zone: `zone-${index % 3}` } })));
  const costs = Array.from({ length: FIXED_ROUNDS }, () => {
    const before = process.cpuUsage();
    for (let index = 0; index < FIXED_REPEATS; index++) JSON.stringify(JSON.parse(text));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / FIXED_REPEATS;
  });
  return median(costs);
}

const FIXED_ROUNDS = 9;
const FIXED_REPEATS = 500;

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which the share `q` (0 to 1) of all values lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

/** `name=value` arguments of the command line, as numbers. */
export function numberArgument(name: string, otherwise: number): number {
  const given = process.argv.find((argument) => argument.startsWith(`${name}=`));
  return given === undefined ? otherwise : Number(given.slice(name.length + 1));
}

/** What the command line selects by name: `node bench/x.ts basic affinity`; all when it names nothing. */
export function selected(name: string): boolean {
  const names = process.argv.slice(2).filter((argument) => !argument.includes("="));
  return names.length === 0 || names.includes(name);
}

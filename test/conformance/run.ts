/**
 * `npm run conformance [-- --filter REGEXP] [--kubeconfig FILE] [--no-pods]`: runs the suite against a server of its own, or
 * against any cluster, and counts by area. Tests that run containers need root and containerd.
 */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { apiTests } from "./api-tests.ts";
import { podTests } from "./pod-tests.ts";
import { containerCluster, serverOnly } from "./support/clusters.ts";
import { clusterOf, type ConformanceTest, runTests, unserved } from "./support/conformance.ts";

interface Tally {
  passed: number;
  total: number;
}

const { values } = parseArgs({ options: { filter: { type: "string", default: "" }, kubeconfig: { type: "string" }, pods: { type: "boolean", default: true } }, allowNegative: true });
const possible = values.kubeconfig !== undefined || (process.getuid?.() === 0 && existsSync("/usr/bin/containerd"));
const ends: (() => Promise<void> | void)[] = [];
const whole = { teardown: (end: () => Promise<void> | void) => void ends.push(end) };
const tallies = new Map<string, Tally>();
const say = (line: string) => void process.stdout.write(`${line}\n`);

try {
  await runAll(apiTests, () => serverOnly(whole));
  if (values.pods && !possible) say("skipped: tests that run containers need root and containerd");
  if (values.pods && possible) await runAll(podTests, () => containerCluster(whole));
} finally {
  for (const end of ends.toReversed()) await end();
}
for (const [area, { passed, total }] of [...tallies].toSorted()) say(`${area.padEnd(22)} ${passed}/${total}`);
const sum = (field: keyof Tally) => [...tallies.values()].reduce((count, tally) => count + tally[field], 0);
say(`${"all".padEnd(22)} ${sum("passed")}/${sum("total")}`);
process.exitCode = sum("passed") === sum("total") ? 0 : 1;

async function runAll(tests: readonly ConformanceTest[], start: () => Promise<string>): Promise<void> {
  const chosen = tests.filter(({ name }) => new RegExp(values.filter).test(name));
  if (chosen.length === 0) return;
  const cluster = await clusterOf(values.kubeconfig ?? (await start()));
  const results = runTests(chosen.filter((test) => unserved(test) === undefined), cluster);
  await Promise.all(
    chosen.map(async (test) => {
      const area = /^\[([^\]]+)\]/.exec(test.name)?.[1] ?? "?";
      const tally = tallies.get(area) ?? { passed: 0, total: 0 };
      tallies.set(area, tally);
      tally.total++;
      const result = results.get(test.name);
      if (result === undefined) return say(`not ok ${test.name}: ${unserved(test)}`);
      try {
        await result;
        tally.passed++;
        say(`ok ${test.name}`);
      } catch (error) {
        say(`not ok ${error instanceof Error ? explain(error) : String(error)}`);
      }
    }),
  );
  cluster.api.close();
}

/** The message, what was behind it, and where in the tests it was thrown. */
function explain(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  const place = /test\/conformance\/(?!support)[^)\n]+/.exec(cause.stack ?? "")?.[0] ?? "";
  const inner = cause.cause instanceof Error ? `\n  because: ${cause.cause.message}` : "";
  return `${error.message}${inner}\n  at ${place}`;
}

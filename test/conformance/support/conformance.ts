/**
 * A conformance test: a public name of the Kubernetes suite and what it does here, written from the name and the API's
 * documentation. Tests are data, so that one list serves AVA, the report by area, and several clusters.
 */
import { randomBytes } from "node:crypto";
import type { TestFn } from "ava";
import { NAMESPACES } from "../../../core/api/resources.gen.ts";
import { eventually } from "../../support/eventually.ts";
import { type Kubectl, kubectlFor } from "../../support/kubectl.ts";
import { type Api, apiOf } from "./api.ts";

/** The minor release of Kubernetes 1.x whose API is served. */
export const SERVED_MINOR = 36;
/** Tests at a time: they wait more than they work. */
const PARALLEL = 6;

export interface Cluster {
  readonly api: Api;
  readonly kubectl: Kubectl;
  readonly kubeconfig: string;
}

export interface Context extends Cluster {
  /** an empty namespace of this test, deleted after it */
  readonly namespace: string;
  /** a name nobody else uses, for objects outside namespaces */
  readonly unique: string;
  /** runs at the end, also after a failure */
  after(end: () => Promise<unknown> | void): void;
}

export interface ConformanceTest {
  readonly name: string;
  /** minor release of Kubernetes 1.x whose API the test needs, when that is later than the API served */
  readonly since?: number;
  /** what lichen lacks: the test runs and fails in `npm run conformance` only */
  readonly missing?: string;
  /** why it takes minutes: only `npm run conformance` runs it */
  readonly slow?: string;
  /** disturbs other tests: runs after them, alone */
  readonly alone?: boolean;
  readonly run: (context: Context) => Promise<void>;
}

export const conformance = (name: string, run: ConformanceTest["run"], more: Pick<ConformanceTest, "since" | "slow" | "alone" | "missing"> = {}): ConformanceTest => ({ name: `${name} [Conformance]`, run, ...more });

export const unserved = ({ since = 0 }: ConformanceTest) => (since > SERVED_MINOR ? `needs the API of Kubernetes 1.${since}` : undefined);

/** Runs one test in a namespace of its own. */
async function runOne({ name, run }: ConformanceTest, cluster: Cluster): Promise<void> {
  const unique = `conf-${randomBytes(4).toString("hex")}`;
  const namespaces = cluster.api.of(NAMESPACES);
  const ends: (() => Promise<unknown> | void)[] = [];
  await namespaces.create({ metadata: { name: unique, labels: { "conformance-run": unique } } });
  await eventually("the namespace's service account", async () => (await cluster.api.send("GET", `/api/v1/namespaces/${unique}/serviceaccounts/default`)).status === 200);
  try {
    await run({ ...cluster, namespace: unique, unique, after: (end) => void ends.push(end) });
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    for (const end of ends.toReversed()) await Promise.resolve(end()).catch(() => undefined);
    await namespaces.delete(unique).catch(() => undefined);
  }
}

/** A few at a time, then those that must be alone. The result of each by its name. */
export function runTests(tests: readonly ConformanceTest[], cluster: Cluster): ReadonlyMap<string, Promise<void>> {
  const results = new Map<string, PromiseWithResolvers<void>>(tests.map(({ name }) => [name, Promise.withResolvers<void>()]));
  for (const { promise } of results.values()) promise.catch(() => undefined);
  const work = async (waiting: ConformanceTest[]) => {
    for (let test = waiting.shift(); test !== undefined; test = waiting.shift()) {
      const result = results.get(test.name);
      await runOne(test, cluster).then(result?.resolve, result?.reject);
    }
  };
  const together = tests.filter(({ alone }) => alone !== true);
  void Promise.all(Array.from({ length: PARALLEL }, () => work(together))).then(() => work(tests.filter(({ alone }) => alone === true)));
  return new Map([...results].map(([name, { promise }]) => [name, promise]));
}

export async function clusterOf(kubeconfig: string): Promise<Cluster> {
  return { api: apiOf(kubeconfig), kubeconfig, kubectl: await kubectlFor(kubeconfig) };
}

/** One AVA test for each. `start` gives a kubeconfig, or is the reason why none of them can run here. */
export function registerConformance(test: TestFn, tests: readonly ConformanceTest[], start: (() => Promise<string>) | string): void {
  const skipped = (one: ConformanceTest) => (typeof start === "string" ? start : (unserved(one) ?? one.missing ?? one.slow));
  let results: ReadonlyMap<string, Promise<void>> = new Map();
  let cluster: Cluster | undefined;
  if (typeof start !== "string") {
    test.before(async () => {
      cluster = await clusterOf(await start());
      results = runTests(tests.filter((one) => skipped(one) === undefined), cluster);
    });
    test.after.always(() => cluster?.api.close());
  }
  for (const one of tests) {
    const reason = skipped(one);
    if (reason !== undefined) test.skip(`${one.name} (${reason})`, () => undefined);
    else
      test(one.name, async (t) => {
        t.timeout(600_000);
        await results.get(one.name);
        t.pass();
      });
  }
}

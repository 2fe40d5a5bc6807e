import { tmpdir } from "node:os";
import test from "ava";
import { silentLog } from "../../core/api/log.ts";
import { readFacts } from "../../edge-agent/facts.ts";
import { nodeReporter } from "../../edge-agent/node-reporter.ts";
import { newReport } from "../../edge-agent/report.ts";
import type { Runtime } from "../../edge-agent/runtimes/runtime.ts";
import { defaultSettings } from "../../edge-agent/settings.ts";
import { virtualClock } from "../support/virtual-clock.ts";

test("a runtime is asked often whether it works and rarely what it is, but at once when it was silent", async (t) => {
  const clock = virtualClock();
  const asked = { health: 0, version: 0 };
  const seen = { version: "containerd://1.6.20", silent: false };
  const runtime = {
    handler: "containerd",
    async health() {
      asked.health++;
      if (seen.silent) throw new Error("no answer");
    },
    async version() {
      asked.version++;
      return seen.version;
    },
    images: async () => [],
  } as unknown as Runtime;
  const facts = await readFacts();
  const reporter = nodeReporter({
    name: "edge-1", site: undefined, profile: undefined, facts, runtimes: [runtime], dataDir: tmpdir(), settings: defaultSettings(facts), addresses: () => [],
    pressure: () => ({ memory: false, disk: false, pids: false }), report: newReport(), clock, log: silentLog,
  });
  t.teardown(reporter.close);
  const version = () => reporter.status()?.nodeInfo?.containerRuntimeVersion;
  const looks = async (count: number) => {
    for (let look = 0; look < count; look++) {
      await clock.advance(10_000);
      await reporter.look();
    }
  };

  await reporter.look();
  await looks(5);
  t.true(asked.health >= 6);
  t.is(asked.version, 1);
  seen.version = "containerd://1.7.24";
  await looks(2);
  t.is(version(), "containerd://1.7.24", "it is asked again after a minute");
  seen.silent = true;
  await looks(1);
  t.is(version(), "containerd://1.7.24", "a moment of silence changes nothing");
  Object.assign(seen, { version: "containerd://2.1.0", silent: false });
  await looks(1);
  t.is(version(), "containerd://2.1.0");
});

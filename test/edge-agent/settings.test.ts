import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { bound, defaultSettings, parseSettings, readSettings } from "../../edge-agent/settings.ts";

const board = { memoryBytes: 512 * 2 ** 20 };

test("without a file the defaults hold, scaled to the board", async (t) => {
  t.deepEqual(await readSettings("/nonexistent/kubelet.json", board), defaultSettings(board));
  t.is(bound(defaultSettings(board).evictionHard["memory.available"] ?? { amount: 0 }, 0), board.memoryBytes * 0.05);
  t.is(bound(defaultSettings({ memoryBytes: 2 ** 33 }).evictionHard["memory.available"] ?? { amount: 0 }, 0), 100 * 2 ** 20);
});

test("KubeletConfiguration names are read", (t) => {
  const settings = parseSettings(
    {
      kind: "KubeletConfiguration",
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      systemReserved: { memory: "100Mi", cpu: "100m" },
      kubeReserved: { memory: "28Mi" },
      evictionHard: { "memory.available": "5%", "nodefs.available": "1Gi" },
      evictionSoft: { "memory.available": "200Mi" },
      evictionSoftGracePeriod: { "memory.available": "1m30s" },
      serializeImagePulls: true,
      containerLogMaxSize: "1Mi",
      podPidsLimit: -1,
    },
    board,
  );
  t.deepEqual(settings.reserved, { memory: 128 * 2 ** 20, cpu: 0.1 });
  t.deepEqual(settings.evictionHard, { "memory.available": { share: 0.05 }, "nodefs.available": { amount: 2 ** 30 } });
  t.is(settings.evictionSoftGrace["memory.available"], 90_000);
  t.is(settings.pullsAtOnce, 1);
  t.is(settings.logMaxBytes, 2 ** 20);
  t.is(settings.podPidsLimit, undefined);
});

const refused: readonly (readonly [string, object, RegExp])[] = [
  ["an unknown field", { cgroupDriver: "systemd" }, /^cgroupDriver: this agent has no such setting/],
  ["an unknown signal", { evictionHard: { "disk.free": "1Gi" } }, /^evictionHard.disk.free: expected one of memory.available/],
  ["no quantity", { systemReserved: { memory: "lots" } }, /^systemReserved.memory: expected a quantity/],
  ["no duration", { imageMinimumGCAge: "2 minutes" }, /^imageMinimumGCAge: expected a duration/],
  ["a soft threshold without its grace", { evictionSoft: { "memory.available": "1Gi" } }, /^evictionSoftGracePeriod: the soft threshold of memory.available/],
  ["thresholds in the wrong order", { imageGCHighThresholdPercent: 50 }, /^imageGCLowThresholdPercent: must be below/],
  ["one log file", { containerLogMaxFiles: 1 }, /^containerLogMaxFiles: expected at least 2/],
];
for (const [what, value, message] of refused) test(`refuses ${what}`, (t) => void t.throws(() => parseSettings(value, board), { message }));

test("an error names the file", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "lichen-settings-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, "kubelet.json");
  await writeFile(file, "{");
  await t.throwsAsync(readSettings(file, board), { message: new RegExp(`^${file}: `) });
});

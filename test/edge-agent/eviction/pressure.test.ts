import test from "ava";
import fc from "fast-check";
import { judge, NO_PRESSURE, type Observations, type PressureSettings } from "../../../edge-agent/eviction/pressure.ts";
import { defaultSettings } from "../../../edge-agent/settings.ts";

const GIB = 2 ** 30;
const settings: PressureSettings = {
  ...defaultSettings({ memoryBytes: 8 * GIB }),
  evictionSoft: { "memory.available": { amount: GIB } },
  evictionSoftGrace: { "memory.available": 60_000 },
};
const memory = (available: number): Observations => ({ "memory.available": { available, capacity: 8 * GIB } });

test("a hard threshold counts at once, a soft one after its grace period", (t) => {
  const first = judge(NO_PRESSURE, memory(GIB / 2), settings, 0);
  t.deepEqual(first.starved, []);
  t.true(first.conditions.MemoryPressure, "the condition holds at once, so that nothing more comes");
  const later = judge(first.state, memory(GIB / 2), settings, 60_000);
  t.deepEqual(later.starved.map(({ signal, hard }) => [signal, hard]), [["memory.available", false]]);
  const hard = judge(NO_PRESSURE, memory(1), settings, 0);
  t.deepEqual(hard.starved.map((each) => each.hard), [true]);
});

test("a break in between begins the grace period again", (t) => {
  const first = judge(NO_PRESSURE, memory(GIB / 2), settings, 0);
  const calm = judge(first.state, memory(4 * GIB), settings, 30_000);
  t.deepEqual(judge(calm.state, memory(GIB / 2), settings, 61_000).starved, []);
});

test("a condition stays for the transition period", (t) => {
  const first = judge(NO_PRESSURE, memory(1), settings, 0);
  const calm = judge(first.state, memory(4 * GIB), settings, 299_000);
  t.true(calm.conditions.MemoryPressure);
  t.deepEqual(calm.starved, []);
  t.false(judge(calm.state, memory(4 * GIB), settings, 300_000).conditions.MemoryPressure);
});

test("memory comes before disks; a signal that is missing says nothing", (t) => {
  const all: Observations = {
    "nodefs.available": { available: 0, capacity: 100 },
    "imagefs.inodesFree": { available: 0, capacity: 100 },
    "memory.available": { available: 0, capacity: GIB },
  };
  const verdict = judge(NO_PRESSURE, all, settings, 100_000);
  t.is(verdict.starved[0]?.signal, "memory.available");
  t.is(verdict.starved.find(({ signal }) => signal === "imagefs.inodesFree")?.resource, "inodes");
  t.true(verdict.conditions.DiskPressure);
  t.false(verdict.conditions.PIDPressure);
  t.deepEqual(judge(NO_PRESSURE, {}, settings, 0).starved, []);
});

test("whatever is observed, the starved are below their threshold and their condition holds", (t) => {
  const amount = fc.record({ available: fc.nat(1000), capacity: fc.constant(1000) });
  fc.assert(
    fc.property(fc.array(fc.record({ "nodefs.available": amount, "pid.available": amount }, { requiredKeys: [] }), { maxLength: 8 }), (steps) => {
      let state = NO_PRESSURE;
      for (const [index, observed] of steps.entries()) {
        const verdict = judge(state, observed, settings, index * 10_000);
        state = verdict.state;
        for (const { available, threshold, resource } of verdict.starved) {
          t.true(available < threshold);
          t.true(resource === "pids" ? verdict.conditions.PIDPressure : verdict.conditions.DiskPressure);
        }
      }
    }),
  );
});

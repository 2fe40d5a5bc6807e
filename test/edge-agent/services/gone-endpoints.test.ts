import test from "ava";
import { goneEndpoints, MAX_GONE } from "../../../edge-agent/services/gone-endpoints.ts";
import { targetText, type Target } from "../../../edge-agent/services/service-routes.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

const at = (ip: string): Target => ({ ip, port: 8080 });
const [a, b] = [at("10.0.0.1"), at("10.0.0.2")];

function setup() {
  const clock = virtualClock(0);
  const alive = new Set<string>();
  let changes = 0;
  const gone = goneEndpoints({ answers: async (target) => alive.has(targetText(target)), onChange: () => void changes++, clock });
  return { clock, alive, gone, changes: () => changes };
}

test("an endpoint that is listed no more is gone, until it is listed again", (t) => {
  const { gone } = setup();
  gone.look([a, b], []);
  t.deepEqual(gone.list(), []);
  gone.look([b], []);
  t.deepEqual(gone.list(), [a]);
  gone.look([a, b], []);
  t.deepEqual(gone.list(), []);
});

test("one that lost its readiness but answers keeps its connections", async (t) => {
  const { gone, alive, clock, changes } = setup();
  alive.add(targetText(a));
  gone.look([a, b], [a]);
  await clock.settle();
  t.deepEqual([gone.list(), changes()], [[], 0]);
});

test("one that does not answer is gone; it is asked again, and may come back or go later", async (t) => {
  const { gone, alive, clock, changes } = setup();
  gone.look([a, b], [a]);
  await clock.settle();
  t.deepEqual([gone.list(), changes()], [[a], 1]);
  alive.add(targetText(a));
  await clock.advance(10_000);
  t.deepEqual([gone.list(), changes()], [[], 2]);
  alive.clear();
  await clock.advance(10_000);
  t.deepEqual(gone.list(), [a]);
  gone.look([a, b], []);
  t.deepEqual(gone.list(), [], "ready again");
  await clock.advance(60_000);
  t.is(changes(), 3, "nobody is asked any more");
  gone.close();
  t.is(clock.pending(), 0);
});

test("the list is bounded, the oldest are forgotten", (t) => {
  const { gone } = setup();
  const many = Array.from({ length: MAX_GONE + 1 }, (_none, index) => ({ ip: `10.1.${index >> 8}.${index & 255}`, port: 80 }));
  gone.look(many, []);
  gone.look([], []);
  t.is(gone.list().length, MAX_GONE);
  t.false(gone.list().some(({ ip }) => ip === "10.1.0.0"));
});

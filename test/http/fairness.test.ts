import test from "ava";
import fc from "fast-check";
import { flowSchemas, priorityLevels } from "../../core/bootstrap/flow-control.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "../../core/api/types.gen.ts";
import type { User } from "../../core/api/user.ts";
import { ApiError } from "../../core/api/status.ts";
import type { Asked } from "../../core/http/fairness/asked.ts";
import { inPrecedence, matches } from "../../core/http/fairness/classify.ts";
import { openFairness } from "../../core/http/fairness/fairness.ts";
import { inFlightLimit } from "../../core/http/fairness/in-flight.ts";
import type { RequestLimit, Ticket } from "../../core/http/fairness/limit.ts";
import { dealHand } from "../../core/http/fairness/shuffle-sharding.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { openApi } from "./support/api.ts";

const user = (name: string, ...groups: string[]): User => ({ name, groups: ["system:authenticated", ...groups] });
const pods = { group: "", version: "v1", namespace: "default", plural: "pods", name: undefined, subresource: undefined, rest: [], watch: false };
const asked = (who: User, more: Partial<Asked> = {}): Asked => ({ user: who, verb: "list", path: "/api/v1/namespaces/default/pods", resource: pods, ...more });

const schemaOf = (request: Asked) => inPrecedence(flowSchemas).find((schema) => matches(schema, request))?.metadata.name;

test("requests fall under the schemas that Kubernetes would choose", (t) => {
  const leases = { ...pods, group: "coordination.k8s.io", plural: "leases", namespace: "kube-system", name: "l" };
  const nodes = { ...pods, plural: "nodes", namespace: undefined, name: "n", subresource: "status" };
  t.is(schemaOf(asked(user("admin", "system:masters"))), "exempt");
  t.is(schemaOf(asked(user("system:anonymous"), { verb: "get", path: "/readyz", resource: undefined })), "probes");
  t.is(schemaOf(asked(user("jane"), { verb: "get", path: "/readyz/x", resource: undefined })), "global-default");
  t.is(schemaOf(asked(user("system:kube-scheduler"), { verb: "update", resource: leases })), "system-leader-election");
  t.is(schemaOf(asked(user("system:serviceaccount:kube-system:x"), { verb: "update", resource: leases })), "workload-leader-election");
  t.is(schemaOf(asked(user("system:node:pi", "system:nodes"), { verb: "patch", resource: nodes })), "system-node-high");
  t.is(schemaOf(asked(user("system:node:pi", "system:nodes"))), "system-nodes");
  t.is(schemaOf(asked(user("system:serviceaccount:kube-system:x"))), "kube-system-service-accounts");
  t.is(schemaOf(asked(user("system:serviceaccount:shop:x", "system:serviceaccounts"))), "service-accounts");
  t.is(schemaOf(asked(user("jane"))), "global-default");
});

test("a hand has different queues, always the same for a flow", (t) => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 256 }), fc.integer({ min: 1, max: 10 }), (flow, deck, size) => {
      const hand = dealHand(flow, deck, size);
      t.is(new Set(hand).size, Math.min(size, deck));
      t.true(hand.every((queue) => queue >= 0 && queue < deck));
      t.deepEqual(dealHand(flow, deck, size), hand);
    }),
    { numRuns: 200 },
  );
});

const level = (name: string, shares: number, queueLengthLimit: number, more: object = {}): PriorityLevelConfiguration =>
  ({
    metadata: { name, uid: `level-${name}` },
    spec: { type: "Limited", limited: { nominalConcurrencyShares: shares, borrowingLimitPercent: 0, limitResponse: { type: "Queue", queuing: { queues: 8, handSize: 2, queueLengthLimit } }, ...more } },
  }) as unknown as PriorityLevelConfiguration;

const schema = (name: string, to: string, group: string): FlowSchema =>
  ({
    metadata: { name, uid: `schema-${name}` },
    spec: {
      priorityLevelConfiguration: { name: to },
      distinguisherMethod: { type: "ByUser" },
      rules: [{ subjects: [{ kind: "Group", group: { name: group } }], resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"], clusterScope: true }] }],
    },
  }) as unknown as FlowSchema;

function fair(seats: number, levels: readonly PriorityLevelConfiguration[]) {
  const clock = virtualClock();
  const schemas = levels.map(({ metadata }) => schema(metadata.name ?? "", metadata.name ?? "", metadata.name ?? ""));
  return { clock, limit: openFairness({ clock, seats, schemas: () => schemas, levels: () => levels }) };
}

/** Asks, and says when there is a ticket. */
function knock(limit: RequestLimit, who: User) {
  const state: { ticket?: Ticket; error?: unknown } = {};
  const settled = Promise.resolve()
    .then(() => limit.admit(asked(who)))
    .then((ticket) => void (state.ticket = ticket), (error: unknown) => void (state.error = error));
  return { state, settled };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("no more run than there are seats; who waited longest of a flow goes first", async (t) => {
  const { limit } = fair(2, [level("a", 1, 50, { limitResponse: { type: "Queue", queuing: { queues: 8, handSize: 1, queueLengthLimit: 50 } } })]);
  const all = Array.from({ length: 5 }, () => knock(limit, user("jane", "a")));
  await turn();
  t.deepEqual(all.map(({ state }) => state.ticket !== undefined), [true, true, false, false, false]);
  t.like(all[0]?.state.ticket?.headers, { "X-Kubernetes-PF-FlowSchema-UID": "schema-a", "X-Kubernetes-PF-PriorityLevel-UID": "level-a" });
  all[1]?.state.ticket?.done();
  await turn();
  t.deepEqual(all.map(({ state }) => state.ticket !== undefined), [true, true, true, false, false]);
  t.like(limit.load()[0], { running: 2, waiting: 2 });
});

test("a flow that floods its queues is refused, another flow of the level is served in its turn", async (t) => {
  const { limit } = fair(1, [level("a", 1, 3)]);
  const flood = Array.from({ length: 40 }, () => knock(limit, user("flood", "a")));
  await turn();
  const refused = flood.filter(({ state }) => state.error instanceof ApiError && state.error.code === 429);
  t.is(refused.length, 40 - 1 - 2 * 3, "one runs, two queues of three wait");
  t.like(refused[0]?.state.error, { details: { retryAfterSeconds: 1 } });
  const quiet = knock(limit, user("quiet", "a"));
  await turn();
  for (let served = 0; quiet.state.ticket === undefined; served++) {
    t.true(served < 3, "the quiet flow waits for one turn of the queues");
    flood.find(({ state }) => state.ticket !== undefined)?.state.ticket?.done();
    for (const each of flood) if (each.state.ticket !== undefined) delete each.state.ticket;
    await turn();
  }
});

test("levels do not take each other's seats, unless these are lent", async (t) => {
  const strict = fair(4, [level("a", 1, 50), level("b", 1, 50)]).limit;
  const own = Array.from({ length: 4 }, () => knock(strict, user("jane", "a")));
  await turn();
  t.is(own.filter(({ state }) => state.ticket !== undefined).length, 2);
  const lent = fair(4, [level("a", 1, 50, { borrowingLimitPercent: 50 }), level("b", 1, 50, { lendablePercent: 100 })]).limit;
  const more = Array.from({ length: 4 }, () => knock(lent, user("jane", "a")));
  await turn();
  t.is(more.filter(({ state }) => state.ticket !== undefined).length, 3, "its two and half as many again");
});

test("waiting ends with a refusal, streams and administrators never wait", async (t) => {
  const { limit, clock } = fair(1, [level("a", 1, 50), { metadata: { name: "free" }, spec: { type: "Exempt" } } as PriorityLevelConfiguration]);
  const [first, second] = [knock(limit, user("jane", "a")), knock(limit, user("jane", "a"))];
  await turn();
  t.truthy(knock(limit, user("root", "free")).state);
  const exempt = knock(limit, user("root", "free"));
  const stream = limit.admit(asked(user("jane", "a"), { resource: { ...pods, name: "p", subresource: "exec" } }));
  await turn();
  t.truthy(exempt.state.ticket);
  t.false(stream instanceof Promise);
  await clock.advance(15_000);
  await second.settled;
  t.is((second.state.error as ApiError).code, 429);
  first.state.ticket?.done();
  t.like(limit.load()[0], { running: 0, waiting: 0, refused: 1 });
});

test("seats are neither lost nor made, whatever comes and goes", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(fc.record({ who: fc.integer({ min: 0, max: 3 }), to: fc.constantFrom("a", "b") }), fc.constant("done" as const)), { maxLength: 60 }), async (steps) => {
      const { limit } = fair(4, [level("a", 1, 2, { borrowingLimitPercent: 100 }), level("b", 3, 2, { lendablePercent: 50 })]);
      const open: ReturnType<typeof knock>[] = [];
      for (const step of steps) {
        if (step === "done") {
          const at = open.findIndex(({ state }) => state.ticket !== undefined);
          if (at >= 0) open.splice(at, 1)[0]?.state.ticket?.done();
        } else open.push(knock(limit, user(`u${step.who}`, step.to)));
        await turn();
        const running = limit.load().reduce((sum, each) => sum + each.running, 0);
        t.is(running, open.filter(({ state }) => state.ticket !== undefined).length);
        t.true(running <= 4);
      }
      for (let rounds = 0; rounds < 100; rounds++) {
        for (const { state } of open.splice(0, open.length, ...open.filter((each) => each.state.ticket === undefined && each.state.error === undefined))) state.ticket?.done();
        await turn();
      }
      t.true(limit.load().every(({ running, waiting }) => running === 0 && waiting === 0));
    }),
    { numRuns: 30 },
  );
});

test("the simple limit counts reads and writes apart", (t) => {
  const limit = inFlightLimit({ reads: 1, writes: 1 });
  const read = limit.admit(asked(user("jane"))) as Ticket;
  t.throws(() => limit.admit(asked(user("jane"))), { message: /Too many requests/ });
  t.notThrows(() => limit.admit(asked(user("jane"), { verb: "create" })));
  t.notThrows(() => limit.admit(asked(user("root", "system:masters"))));
  read.done();
  t.notThrows(() => limit.admit(asked(user("jane"))));
});

test("over HTTP: 429 with Retry-After, headers of the classification, figures", async (t) => {
  const kept = flowSchemas.filter(({ metadata }) => metadata.name === "exempt" || metadata.name === "catch-all");
  const limit = openFairness({ clock: virtualClock(), seats: 0, schemas: () => kept, levels: () => priorityLevels });
  const api = await openApi({ limit });
  const refused = await api.send("GET", "/api", { headers: { authorization: "Bearer jane" } });
  t.is(refused.status, 429);
  t.is(refused.headers.get("retry-after"), "1");
  t.like(await refused.json(), { reason: "TooManyRequests", code: 429 });
  const admin = await api.send("GET", "/api/v1/namespaces");
  t.is(admin.status, 200);
  t.true(admin.headers.has("x-kubernetes-pf-flowschema-uid"));
  const page = await (await api.send("GET", "/metrics")).text();
  t.regex(page, /apiserver_request_total\{code="200",dry_run="",component="apiserver",group="",resource="namespaces",scope="cluster",subresource="",version="v1",verb="LIST"\} 1/);
  t.regex(page, /apiserver_flowcontrol_rejected_requests_total\{priority_level="catch-all"\} 1/);
});

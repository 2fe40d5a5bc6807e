/** Stories of servers over one store under a virtual clock: who leads, and how long nobody does. */
import test from "ava";
import { LEASES, NAMESPACES } from "../../core/api/resources.gen.ts";
import { ApiError } from "../../core/api/status.ts";
import type { Client } from "../../core/api/client.ts";
import { silentLog } from "../../core/api/log.ts";
import type { Term } from "../../core/control/leader-election.ts";
import { LEASE_MS, LOOK_MS, RENEW_DEADLINE_MS, RENEW_MS, runElection } from "../../core/control/leader-election.ts";
import { setup } from "../registry/setup.ts";

const LEASE = { namespace: "kube-system", name: "leader" };

async function world() {
  const { clock, client } = await setup();
  await client.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "kube-system" } });
  /** who leads, in order, with the moment of each change */
  const history: { readonly who: string; readonly leads: boolean; readonly at: number }[] = [];
  const leading = () => {
    const now = new Set<string>();
    for (const { who, leads } of history) if (leads) now.add(who);
      else now.delete(who);
    return [...now];
  };

  function server(identity: string) {
    const stopping = new AbortController();
    /** a server that reaches the store no more: its calls fail, or never end */
    let network: "up" | "down" | "silent" = "up";
    const through = <A extends unknown[], R>(call: (...asked: A) => Promise<R>) => async (...asked: A): Promise<R> => {
      if (network === "silent") await new Promise(() => {});
      if (network === "down") throw new ApiError("ServiceUnavailable", "down");
      return await call(...asked);
    };
    const cut = { ...client, get: through(client.get), create: through(client.create), update: through(client.update) } as unknown as Client;
    const done = runElection<string>({
      client: cut,
      lease: LEASE,
      identity,
      fence: async (resourceVersion) => resourceVersion,
      async lead({ signal }: Term<string>) {
        history.push({ who: identity, leads: true, at: clock.monotonic() });
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
        history.push({ who: identity, leads: false, at: clock.monotonic() });
      },
      clock,
      log: silentLog,
      signal: stopping.signal,
    });
    return { done, stop: () => stopping.abort(), network: (state: typeof network) => void (network = state) };
  }
  return { clock, client, history, leading, server };
}

test("one of several servers leads, and renews its lease", async (t) => {
  const { clock, client, leading, server, history } = await world();
  const servers = ["a", "b", "c"].map(server);
  await clock.advance(60_000);
  t.is(leading().length, 1);
  t.is(history.length, 1);
  const lease = await client.get(LEASES, LEASE);
  t.is(lease.spec?.holderIdentity, leading()[0]);
  t.true(clock.now() - Date.parse(`${lease.spec?.renewTime}`) <= 2 * RENEW_MS);
  for (const { stop } of servers) stop();
  await clock.advance(1_000);
  await Promise.all(servers.map(({ done }) => done));
});

test("a leader that stops gives the lease back: the next one leads at the next look", async (t) => {
  const { clock, leading, server } = await world();
  const a = server("a");
  await clock.advance(100);
  const b = server("b");
  await clock.advance(5_000);
  t.deepEqual(leading(), ["a"]);
  a.stop();
  await clock.advance(2 * LOOK_MS);
  t.deepEqual(leading(), ["b"]);
  b.stop();
  await clock.advance(1_000);
});

for (const failure of ["down", "silent"] as const) {
  test(`a leader whose store is ${failure} stops before another begins, and both within the bound`, async (t) => {
    const { clock, history, leading, server } = await world();
    const a = server("a");
    await clock.advance(100);
    const b = server("b");
    await clock.advance(10_000);
    a.network(failure);
    const at = clock.monotonic();
    await clock.advance(10_000);
    t.deepEqual(leading(), ["b"]);
    const [, ended, began] = history;
    t.is(ended?.who, "a");
    t.true((ended?.at ?? 0) <= at + RENEW_DEADLINE_MS);
    t.true((began?.at ?? 0) >= (ended?.at ?? 0), "never two at once");
    t.true((began?.at ?? 0) <= at + LEASE_MS + LOOK_MS, "nobody leads for no longer than a lease and a look");
    a.stop();
    b.stop();
    await clock.advance(1_000);
  });
}

test("a lease that another client takes ends the term", async (t) => {
  const { clock, client, leading, server } = await world();
  const a = server("a");
  await clock.advance(1_000);
  const lease = await client.get(LEASES, LEASE);
  await client.update(LEASES, LEASE, { ...lease, spec: { ...lease.spec, holderIdentity: "somebody" } });
  await clock.advance(RENEW_MS);
  t.deepEqual(leading(), []);
  await clock.advance(LEASE_MS + LOOK_MS);
  t.deepEqual(leading(), ["a"], "who does not renew loses it again");
  a.stop();
  await clock.advance(1_000);
});

/** Counts pods that are bound, as a watch of the API tells it. */
import type { Access } from "../../core/cli/kubeconfig.ts";
import { openConnection } from "./connection.ts";

export interface Count {
  readonly count: number;
  /** resolves with the time (performance.now) at which the `total`-th pod was seen bound */
  reached(total: number): Promise<number>;
}

export interface BoundPods extends Count {
  /** those whose names begin like this */
  only(prefix: string): Count;
  close(): void;
}

interface Waiting {
  readonly prefix: string;
  readonly total: number;
  readonly resolve: (at: number) => void;
}

export async function watchBoundPods(access: Access, revision: string, namespace: string): Promise<BoundPods> {
  const connection = await openConnection(access);
  /** names by uid */
  const bound = new Map<string, string>();
  const sizes = new Map<string, number>();
  const waiting = new Set<Waiting>();
  const countOf = (prefix: string) => sizes.get(prefix) ?? 0;
  const look = () => {
    for (const each of waiting) {
      if (countOf(each.prefix) < each.total) continue;
      waiting.delete(each);
      each.resolve(performance.now());
    }
  };
  const add = (name: string, change: number) => {
    for (const prefix of ["", `${name.split("-")[0]}-`]) sizes.set(prefix, countOf(prefix) + change);
  };
  connection.watch(`/api/v1/namespaces/${namespace}/pods?watch=true&resourceVersion=${revision}`, (event) => {
    // looked for in the text: parsing every event would cost the server its processor
    if (!event.includes('"nodeName":"')) return;
    const uid = /"uid":"([^"]+)"/.exec(event)?.[1];
    if (uid === undefined) return;
    const known = bound.get(uid);
    if (event.startsWith('{"type":"DELETED"')) {
      if (known !== undefined) add(known, -1);
      bound.delete(uid);
    } else if (known === undefined) {
      const name = /"name":"((?:pod|low|high)-[^"]+)"/.exec(event)?.[1] ?? "";
      bound.set(uid, name);
      add(name, 1);
    }
    look();
  });
  const only = (prefix: string): Count => ({
    get count() {
      return countOf(prefix);
    },
    reached: (total) =>
      new Promise((resolve) => {
        waiting.add({ prefix, total, resolve });
        look();
      }),
  });
  const all = only("");
  return {
    get count() {
      return all.count;
    },
    reached: all.reached,
    only,
    close: () => connection.close(),
  };
}

/** Counts pods that are bound, as a watch of the API tells it. */
import type { Access } from "../../core/cli/kubeconfig.ts";
import { openConnection } from "./connection.ts";

export interface BoundPods {
  readonly count: number;
  /** resolves with the time (performance.now) at which the `total`-th pod was seen bound */
  reached(total: number): Promise<number>;
  close(): void;
}

export async function watchBoundPods(access: Access, revision: string, namespace: string): Promise<BoundPods> {
  const connection = await openConnection(access);
  const bound = new Set<string>();
  let waiting: { readonly total: number; readonly resolve: (at: number) => void } | undefined;
  const look = () => {
    if (waiting === undefined || bound.size < waiting.total) return;
    waiting.resolve(performance.now());
    waiting = undefined;
  };
  connection.watch(`/api/v1/namespaces/${namespace}/pods?watch=true&resourceVersion=${revision}`, (event) => {
    // looked for in the text: parsing every event would cost the server its processor
    if (!event.includes('"nodeName":"')) return;
    const uid = /"uid":"([^"]+)"/.exec(event)?.[1];
    if (uid === undefined) return;
    if (event.startsWith('{"type":"DELETED"')) bound.delete(uid);
    else bound.add(uid);
    look();
  });
  return {
    get count() {
      return bound.size;
    },
    reached: (total) =>
      new Promise((resolve) => {
        waiting = { total, resolve };
        look();
      }),
    close: () => connection.close(),
  };
}

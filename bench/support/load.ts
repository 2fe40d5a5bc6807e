/** Many requests at once over a few connections: the next one leaves when one is answered. */
import type { Access } from "../../core/cli/kubeconfig.ts";
import { type Connection, openConnection } from "./connection.ts";

/** Of the comparison with Kubernetes: its clients ran 32 connections. */
export const CONNECTIONS = 32;

export interface Load {
  /** Calls `request` for 0 … count-1 and gives the milliseconds that each took. */
  run(count: number, request: (connection: Connection, index: number) => Promise<void>): Promise<readonly number[]>;
  /** POSTs all of these; throws on the first that is not made. */
  create(path: string, bodies: readonly string[]): Promise<readonly number[]>;
  close(): void;
}

export async function openLoad(access: Access, connections = CONNECTIONS): Promise<Load> {
  const open = await Promise.all(Array.from({ length: connections }, () => openConnection(access)));

  const run: Load["run"] = async (count, request) => {
    const took: number[] = [];
    let next = 0;
    const work = async (connection: Connection) => {
      for (let index = next++; index < count; index = next++) {
        const started = performance.now();
        await request(connection, index);
        took.push(performance.now() - started);
      }
    };
    await Promise.all(open.map(work));
    return took;
  };

  return {
    run,
    create: (path, bodies) =>
      run(bodies.length, async (connection, index) => {
        const { status, body } = await connection.send("POST", path, bodies[index]);
        if (status !== 201) throw new Error(`POST ${path}: ${status} ${body.toString()}`);
      }),
    close() {
      for (const connection of open) connection.close();
    },
  };
}

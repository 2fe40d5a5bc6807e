/**
 * Runs inside a pod's network namespace, as a process of its own, because Node cannot enter a namespace: connects to the
 * pod's loopback and hands the connected socket to the agent, which then carries the data itself.
 */
import { connect } from "node:net";

export interface ConnectRequest {
  readonly id: number;
  readonly port: number;
}

export interface ConnectAnswer {
  readonly id: number;
  /** absent: the socket comes along */
  readonly error?: string;
}

process.on("message", ({ id, port }: ConnectRequest) => {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  // what arrives is the agent's to read
  socket.pause();
  const failed = (error: Error) => process.send?.({ id, error: error.message } satisfies ConnectAnswer);
  socket.once("error", failed);
  socket.once("connect", () => {
    socket.off("error", failed).on("error", () => {});
    process.send?.({ id } satisfies ConnectAnswer, socket);
  });
});
process.on("disconnect", () => process.exit());

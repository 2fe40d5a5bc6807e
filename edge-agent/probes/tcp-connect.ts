/** A TCP probe: whoever accepts a connection is alive. */
import { connect } from "node:net";
import { dialText } from "./dial-text.ts";
import type { Outcome } from "./outcome.ts";

export function probeTcp({ host, port }: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal });
    socket.on("connect", () => {
      resolve({ result: "success", output: "" });
      socket.destroy();
    });
    socket.on("error", (error) => {
      resolve({ result: "failure", output: signal.aborted ? `dial tcp ${host}:${port}: i/o timeout` : dialText(error, host, port) });
      socket.destroy();
    });
  });
}

/** Whether somebody is behind an address: a machine that is there accepts a connection or refuses it, at once. */
import { connect } from "node:net";
import type { Target } from "./service-routes.ts";

/** Two lost packets (RFC 6298: one second, then two) are not taken for a lost machine. */
const LIMIT_MS = 4_000;

export function answers({ ip, port }: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: ip, port, timeout: LIMIT_MS });
    const end = (there: boolean) => {
      resolve(there);
      socket.destroy();
    };
    socket.unref();
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", (error) => end((error as NodeJS.ErrnoException).code === "ECONNREFUSED"));
  });
}

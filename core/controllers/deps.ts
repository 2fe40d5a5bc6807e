/** What every reconciler gets, and what it makes of it for itself: a client that acts under its own name. */
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { KindTable } from "../api/kinds.ts";
import type { Log } from "../api/log.ts";
import type { User } from "../api/user.ts";
import { controllerUser } from "../api/user.ts";
import type { EventRecorder } from "../control/event-recorder.ts";
import { eventRecorder } from "../control/event-recorder.ts";
import type { SharedInformers } from "../control/informers.ts";

export interface ControllerDeps {
  readonly informers: SharedInformers;
  readonly clientFor: (user: User) => Client;
  readonly kinds: KindTable;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Actor {
  /** acts as `system:serviceaccount:kube-system:<name>`; its writes are in the informers when they are answered */
  readonly client: Client;
  readonly events: EventRecorder;
}

/** `component` is the name in Events where it differs from the user's ("deployment-controller" is both). */
export function actor(deps: ControllerDeps, name: string, component = name): Actor {
  const client = deps.informers.through(deps.clientFor(controllerUser(name)));
  return { client, events: eventRecorder(client, { clock: deps.clock, log: deps.log, signal: deps.signal, component }) };
}

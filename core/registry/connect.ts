/** Opening a connection through a subresource (exec, attach, portforward, proxy): admission is asked, nothing is stored. */
import type { Target, WriteOptions } from "../api/client.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import type { User } from "../api/user.ts";
import type { Context } from "./context.ts";

export interface ConnectRequest {
  readonly user: User;
  readonly kind: Kind;
  readonly target: Target;
  /** what is asked of the connection (PodExecOptions) */
  readonly object: AnyObject;
  readonly options: Pick<WriteOptions, "warn">;
}

/** Who may connect has been decided by the caller: it differs by protocol. @throws ApiError when admission refuses */
export async function connect(context: Context, { user, kind, target, object, options }: ConnectRequest): Promise<void> {
  const { namespace, name, subresource } = target;
  const request = { operation: "CONNECT", user, kind, namespace, name, subresource, object, old: undefined, options: undefined, dryRun: false, warn: options.warn ?? (() => {}) } as const;
  const mutated = await context.admission.mutate(request);
  await context.admission.validate({ ...request, object: mutated });
}

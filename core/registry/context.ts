/** What every verb needs: made once by openRegistry, handed to the verbs as their first argument. */
import type { AdmissionChain } from "../admission/chain.ts";
import type { Resource } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Kind, KindTable } from "../api/kinds.ts";
import type { Log } from "../api/log.ts";
import { ApiError } from "../api/status.ts";
import type { Authorizer } from "../auth/auth.ts";
import type { Store } from "../store/store.ts";
import type { Codec } from "./codec.ts";
import { codecOf } from "./codec.ts";

export interface RegistryOptions {
  readonly store: Store;
  readonly kinds: KindTable;
  readonly authorizer: Authorizer;
  readonly admission: AdmissionChain;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  /** freeze objects that are handed out (tests) */
  readonly freeze: boolean;
  /** milliseconds between the bookmarks of a watch */
  readonly bookmarkMs: number;
}

export interface Context extends RegistryOptions {
  readonly codec: (kind: Kind) => Codec;
}

export function contextOf(options: RegistryOptions): Context {
  const codecs = new WeakMap<Kind, Codec>();
  return {
    ...options,
    codec(kind) {
      let codec = codecs.get(kind);
      if (codec === undefined) codecs.set(kind, (codec = codecOf(kind, options)));
      return codec;
    },
  };
}

export function kindOf(context: Context, resource: Resource<never> | Resource): Kind {
  const kind = context.kinds.byResource(resource.group, resource.version, resource.plural);
  if (kind === undefined) throw new ApiError("NotFound", "the server could not find the requested resource");
  return kind;
}

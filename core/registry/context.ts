/** What every verb needs: made once by openRegistry, handed to the verbs as their first argument. */
import type { AdmissionChain } from "../admission/chain.ts";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Kind, KindTable } from "../api/kinds.ts";
import type { Log } from "../api/log.ts";
import { ApiError } from "../api/status.ts";
import type { Authorizer } from "../auth/auth.ts";
import type { Store } from "../store/store.ts";
import type { Allocators } from "./allocators/allocator.ts";
import type { Codec, CodecOptions } from "./codec.ts";
import { codecOf } from "./codec.ts";

export interface Context {
  readonly store: Store;
  readonly kinds: KindTable;
  readonly authorizer: Authorizer;
  readonly admission: AdmissionChain;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  /** milliseconds between the bookmarks of a watch */
  readonly bookmarkMs: number;
  readonly codec: (kind: Kind) => Codec;
  readonly allocators?: Allocators;
}

/** One codec per kind row, made on first use; it goes with its row when a custom resource is removed. */
export function codecsOf(options: CodecOptions): Context["codec"] {
  const codecs = new WeakMap<Kind, Codec>();
  return (kind) => {
    let codec = codecs.get(kind);
    if (codec === undefined) codecs.set(kind, (codec = codecOf(kind, options)));
    return codec;
  };
}

type Named = { readonly group: string; readonly version: string; readonly plural: string };

export function kindOf({ kinds }: Pick<Context, "kinds">, resource: Named): Kind {
  const kind = kinds.byResource(resource.group, resource.version, resource.plural);
  if (kind === undefined) throw new ApiError("NotFound", "the server could not find the requested resource");
  return kind;
}

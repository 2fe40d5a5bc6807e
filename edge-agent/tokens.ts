/**
 * Service account tokens of pods: asked from the server, kept until four fifths of their life, kept longer when the
 * server is away. The first token of each kind is also kept on disk: a device that boots without network starts its
 * pods with an old token rather than not at all. Renewals are not written; flash wears.
 */
import { readFile } from "node:fs/promises";
import type { Clock } from "../core/api/clock.ts";
import type { Log } from "../core/api/log.ts";
import type { Pod, ServiceAccountTokenProjection } from "../core/api/types.gen.ts";
import { replaceFile } from "./disk.ts";
import { onceMore } from "./once-more.ts";
import type { TokenRequest } from "./session.ts";

interface Kept {
  readonly token: string;
  /** milliseconds */
  readonly issued: number;
  readonly expires: number;
}

export interface Tokens {
  /** @throws Error when the server cannot be asked and there is no older token */
  get(pod: Pod, source: ServiceAccountTokenProjection): Promise<string>;
  /** changes when a token of the pod is due for renewal */
  round(pod: Pod): string;
  /** drops tokens of pods that are gone */
  keepOnly(uids: ReadonlySet<string>): void;
}

export interface TokensOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly ask: (request: TokenRequest) => Promise<{ readonly token: string; readonly expires: string }>;
}

/** kubelet renews after 80 % of the life (KEP-1205). */
const RENEW_AFTER = 0.8;
const DEFAULT_SECONDS = 3600;
/** Between two tries to renew while the server is away. */
const RETRY_MS = 60_000;

export async function openTokens({ file, clock, log, ask }: TokensOptions): Promise<Tokens> {
  const kept = new Map<string, Kept>();
  const tried = new Map<string, number>();
  let saved = new Set<string>();
  try {
    for (const [key, value] of Object.entries(JSON.parse(await readFile(file, "utf8")) as Record<string, Kept>)) kept.set(key, value);
    saved = new Set(kept.keys());
  } catch {
    // none yet, or damaged: the server is asked again
  }

  const due = (key: string): boolean => {
    const value = kept.get(key);
    return value === undefined || clock.now() >= value.issued + (value.expires - value.issued) * RENEW_AFTER;
  };
  /** No pod waits for it. */
  const write = onceMore(() => replaceFile(file, JSON.stringify(Object.fromEntries(kept))).catch((error: unknown) => log.warn({ error: String(error) }, "tokens could not be saved")));
  const save = () => {
    saved = new Set(kept.keys());
    void write();
  };

  return {
    async get(pod, source) {
      const key = keyOf(pod, source);
      const before = kept.get(key);
      if (before !== undefined && !due(key)) return before.token;
      tried.set(key, clock.now());
      try {
        const issued = clock.now();
        const { token, expires } = await ask({
          namespace: pod.metadata.namespace ?? "",
          serviceAccount: pod.spec?.serviceAccountName ?? "default",
          pod: pod.metadata.name ?? "",
          podUid: pod.metadata.uid ?? "",
          audiences: source.audience === undefined || source.audience === "" ? [] : [source.audience],
          expirationSeconds: source.expirationSeconds ?? DEFAULT_SECONDS,
        });
        kept.set(key, { token, issued, expires: Date.parse(expires) });
        if (!saved.has(key)) save();
        return token;
      } catch (error) {
        if (before !== undefined) return before.token;
        throw new Error(`no service account token: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    },
    round(pod) {
      const sources = (pod.spec?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []).flatMap(({ serviceAccountToken }) => (serviceAccountToken === undefined ? [] : [serviceAccountToken]));
      return sources
        .map((source) => {
          const key = keyOf(pod, source);
          const value = kept.get(key);
          // one that was never asked for is asked for with the volume; due: it changes once per try
          return value !== undefined && due(key) ? `due ${value.issued} ${Math.floor((clock.now() - (tried.get(key) ?? 0)) / RETRY_MS)}` : "valid";
        })
        .join(" ");
    },
    keepOnly(uids) {
      let dropped = false;
      for (const key of kept.keys()) if (!uids.has(key.split(" ")[0] ?? "")) dropped = kept.delete(key) || dropped;
      if (dropped) save();
    },
  };
}

function keyOf(pod: Pod, { audience = "", expirationSeconds = DEFAULT_SECONDS }: ServiceAccountTokenProjection): string {
  return `${pod.metadata.uid} ${expirationSeconds} ${audience}`;
}

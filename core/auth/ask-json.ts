/** One question to an outside service (webhook, OpenID provider): JSON, bounded in time and size. */

/** Kubernetes' default timeout of authentication and authorization webhooks is 30 s; users do not wait that long. */
const TIMEOUT_MS = 10_000;
/** A review or a key set is a few KB. */
const MAX_BYTES = 1_048_576;

export type Fetch = typeof fetch;

/** @throws Error when there is no answer in time, or none that is JSON with status 2xx */
export async function askJson(url: string, options: { readonly fetch: Fetch; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }): Promise<unknown> {
  const response = await options.fetch(url, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    redirect: "error",
    headers: { accept: "application/json", ...(options.body === undefined ? {} : { "content-type": "application/json" }), ...options.headers },
    ...(options.body === undefined ? {} : { method: "POST", body: JSON.stringify(options.body) }),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`${url} answered more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
}

/** Parsing at the border: a field of something that may be anything. */
export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

export function stringsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Errors of connections in the words of Go's net package, which users of Kubernetes search for. */
const TEXTS: { readonly [code: string]: string } = {
  ECONNREFUSED: "connect: connection refused",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
};

export function dialText(error: unknown, host: string, port: number): string {
  const code = (error as { readonly code?: string } | undefined)?.code ?? "";
  const text = TEXTS[code];
  if (text !== undefined) return `dial tcp ${host}:${port}: ${text}`;
  if (/wrong version number/i.test(error instanceof Error ? error.message : "")) return "http: server gave HTTP response to HTTPS client";
  if (code === "ECONNRESET" || code === "EPIPE") return "read: connection reset by peer";
  return error instanceof Error ? error.message : String(error);
}

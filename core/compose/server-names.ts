/** Names and addresses under which clients reach this server: what its certificate has to carry. */
import { hostname, networkInterfaces } from "node:os";

/** In-cluster names of the API (the Service default/kubernetes). */
const SERVICE_NAMES = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];

export function serverNames({ serviceIp, extra }: { readonly serviceIp: string; readonly extra: readonly string[] }): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((one) => one.address.split("%")[0] ?? ""));
  return [...new Set(["localhost", hostname(), "127.0.0.1", "::1", ...addresses, serviceIp, ...SERVICE_NAMES, ...extra])];
}

/** First usable address of a range: what Kubernetes gives the Service of the API. */
export function firstAddress(cidr: string): string {
  const [base = ""] = cidr.split("/");
  const parts = base.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) {
    throw new Error(`--service-cidr ${cidr}: expected an IPv4 range like 10.43.0.0/16`);
  }
  return [...parts.slice(0, 3), (parts[3] ?? 0) + 1].join(".");
}

/** An IPv4 address of this host by which others can reach it. */
export function reachableAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal, address }) => family === "IPv4" && !internal && !address.startsWith("169.254."))?.address;
}

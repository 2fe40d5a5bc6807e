/** A kubeconfig file says where a webhook is and how the server proves itself to it (Kubernetes documentation, "Webhook Mode"). */
import { parseYaml } from "../api/schema/parse-yaml.ts";
import type { Fetch } from "../auth/ask-json.ts";
import { fieldOf } from "../auth/ask-json.ts";
import { tlsFetch } from "./tls-fetch.ts";

export interface WebhookTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: Fetch;
}

/** @throws Error that says what the file lacks */
export function webhookTarget(text: string, readFile: (path: string) => string): WebhookTarget {
  const { value } = parseYaml(text);
  const context = fieldOf(named(value, "contexts", fieldOf(value, "current-context")), "context");
  const cluster = fieldOf(named(value, "clusters", fieldOf(context, "cluster")), "cluster");
  const user = fieldOf(named(value, "users", fieldOf(context, "user")), "user");
  const url = fieldOf(cluster, "server");
  if (typeof url !== "string" || !url.startsWith("https://")) throw new Error("webhook configuration: clusters[].cluster.server: expected an https URL");
  const pem = (of: unknown, field: string): string | undefined => {
    const data = fieldOf(of, `${field}-data`);
    if (typeof data === "string") return Buffer.from(data, "base64").toString("utf8");
    const path = fieldOf(of, field);
    return typeof path === "string" ? readFile(path) : undefined;
  };
  const token = fieldOf(user, "token");
  return {
    url,
    headers: typeof token === "string" ? { authorization: `Bearer ${token}` } : {},
    fetch: tlsFetch({ ca: pem(cluster, "certificate-authority"), cert: pem(user, "client-certificate"), key: pem(user, "client-key") }),
  };
}

/** The entry of that name; the only one when none is named. */
function named(config: unknown, list: string, name: unknown): unknown {
  const entries = fieldOf(config, list);
  if (!Array.isArray(entries)) return undefined;
  return name === undefined || name === "" ? (entries[0] as unknown) : entries.find((entry) => fieldOf(entry, "name") === name);
}

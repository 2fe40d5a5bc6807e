/** A kubeconfig with everything in it: server, CA, and one user with a client certificate or a token. */
export interface KubeconfigOptions {
  /** https://host:port */
  readonly server: string;
  /** PEM */
  readonly caCertificate: string;
  readonly user: string;
  readonly credentials: { readonly certificate: string; readonly key: string } | { readonly token: string };
  readonly cluster?: string | undefined;
}

/** YAML, as its subset JSON where quoting matters. */
export function kubeconfig({ server, caCertificate, user, credentials, cluster = "lichen" }: KubeconfigOptions): string {
  const context = `${user}@${cluster}`;
  const login =
    "token" in credentials
      ? [`token: ${JSON.stringify(credentials.token)}`]
      : [`client-certificate-data: ${base64(credentials.certificate)}`, `client-key-data: ${base64(credentials.key)}`];
  return [
    "apiVersion: v1",
    "kind: Config",
    "clusters:",
    `- name: ${JSON.stringify(cluster)}`,
    "  cluster:",
    `    server: ${JSON.stringify(server)}`,
    `    certificate-authority-data: ${base64(caCertificate)}`,
    "users:",
    `- name: ${JSON.stringify(user)}`,
    "  user:",
    ...login.map((line) => `    ${line}`),
    "contexts:",
    `- name: ${JSON.stringify(context)}`,
    "  context:",
    `    cluster: ${JSON.stringify(cluster)}`,
    `    user: ${JSON.stringify(user)}`,
    `current-context: ${JSON.stringify(context)}`,
    "",
  ].join("\n");
}

const base64 = (text: string) => Buffer.from(text, "utf8").toString("base64");

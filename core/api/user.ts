/** Who asks: the result of authentication (Kubernetes documentation, "Authenticating"). */
export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: { readonly [key: string]: readonly string[] };
}

/** The well-known names that code has to agree on. */
export const MASTERS = "system:masters";
export const AUTHENTICATED = "system:authenticated";
export const UNAUTHENTICATED = "system:unauthenticated";
export const NODES = "system:nodes";
export const SERVICE_ACCOUNTS = "system:serviceaccounts";

export const anonymous: User = { name: "system:anonymous", groups: [UNAUTHENTICATED] };

/** The user a control-plane part acts as: named in the default role bindings, never in system:masters. */
export function component(name: string): User {
  return { name: `system:${name}`, groups: [AUTHENTICATED] };
}

/** The user of a built-in controller: `system:serviceaccount:kube-system:<name>`, bound to `system:controller:<name>`. */
export function controllerUser(name: string): User {
  return {
    name: `system:serviceaccount:kube-system:${name}`,
    groups: [SERVICE_ACCOUNTS, `${SERVICE_ACCOUNTS}:kube-system`, AUTHENTICATED],
  };
}

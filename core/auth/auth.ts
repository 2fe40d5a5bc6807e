/** The two questions of every request, as the registry and the HTTP server ask them. */
import type { User } from "../api/user.ts";

/** What a request presents; the HTTP layer fills it in, it knows nothing about schemes. */
export interface Credentials {
  /** subject of a client certificate that chains to one of our CAs (verified by TLS), DER of the leaf */
  readonly certificate?: Uint8Array | undefined;
  /** Authorization: Bearer … */
  readonly bearer?: string | undefined;
  readonly headers: (name: string) => string | undefined;
}

/** undefined: not mine, ask the next one. Throws ApiError "Unauthorized" when the credential is mine and wrong. */
export type Authenticator = (credentials: Credentials) => Promise<User | undefined>;

export type Attributes =
  | {
      readonly user: User;
      readonly verb: string;
      readonly resource: {
        readonly group: string;
        readonly version: string;
        readonly plural: string;
        readonly subresource?: string | undefined;
        readonly namespace?: string | undefined;
        readonly name?: string | undefined;
        readonly labelSelector?: string | undefined;
        readonly fieldSelector?: string | undefined;
      };
    }
  | { readonly user: User; readonly verb: string; readonly path: string };

export type Decision =
  | { readonly allowed: true; readonly reason: string }
  /** denied: no other authorizer may allow it */
  | { readonly allowed: false; readonly denied: boolean; readonly reason: string };

export interface Authorizer {
  authorize(attributes: Attributes): Promise<Decision>;
  /** the rules that apply to a user in a namespace (SelfSubjectRulesReview) */
  rulesFor?(user: User, namespace: string): Promise<PolicyRules>;
}

export interface PolicyRules {
  readonly resourceRules: readonly {
    readonly verbs: readonly string[];
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
  readonly nonResourceRules: readonly { readonly verbs: readonly string[]; readonly nonResourceURLs: readonly string[] }[];
  readonly incomplete: boolean;
  /** what could not be listed, and why */
  readonly evaluationError?: string;
}

/**
 * Who may come in, how many at once, and what is written down about it: the settings of authentication, authorization,
 * flow control and audit, named as kube-apiserver names them.
 */
export interface AccessFlags {
  readonly anonymousAuth?: boolean;
  readonly oidcIssuerUrl?: string;
  readonly oidcClientId?: string;
  readonly oidcCaFile?: string;
  readonly oidcUsernameClaim?: string;
  readonly oidcUsernamePrefix?: string;
  readonly oidcGroupsClaim?: string;
  readonly oidcGroupsPrefix?: string;
  readonly oidcRequiredClaim?: readonly string[];
  readonly tokenAuthFile?: string;
  readonly authenticationTokenWebhookConfigFile?: string;
  readonly authorizationWebhookConfigFile?: string;
  readonly requestheaderAllowedNames?: readonly string[];
  readonly auditPolicyFile?: string;
  readonly auditLogPath?: string;
  readonly auditLogMaxsize?: number;
  readonly auditLogMaxbackup?: number;
  readonly maxRequestsInflight?: number;
  readonly maxMutatingRequestsInflight?: number;
  readonly enablePriorityAndFairness?: boolean;
  readonly featureGates?: readonly string[];
}

export interface AccessConfig {
  /** requests without credentials are system:anonymous, not refused */
  readonly anonymous: boolean;
  readonly oidc: OidcConfig | undefined;
  readonly tokenFile: string | undefined;
  /** kubeconfig files of webhooks */
  readonly tokenWebhook: string | undefined;
  readonly authorizationWebhook: string | undefined;
  /** common names of proxies that say in headers who the user is; empty: there are none */
  readonly proxies: readonly string[];
  readonly audit: AuditConfig | undefined;
  /** CBOR bodies */
  readonly cbor: boolean;
  readonly limits: { readonly reads: number; readonly writes: number; readonly fairness: boolean };
}

export interface OidcConfig {
  readonly issuer: string;
  readonly clientIds: readonly string[];
  readonly caFile: string | undefined;
  readonly usernameClaim: string | undefined;
  readonly usernamePrefix: string | undefined;
  readonly groupsClaim: string | undefined;
  readonly groupsPrefix: string | undefined;
  readonly required: Readonly<Record<string, string>>;
}

export interface AuditConfig {
  readonly policyFile: string;
  readonly logPath: string;
  readonly maxBytes: number;
  readonly maxBackups: number;
}

const MIB = 1024 * 1024;
/** kube-apiserver's defaults of the limits, and of --audit-log-maxsize in its usual configurations */
const READS = 400;
const WRITES = 200;
const AUDIT_LOG_MIB = 100;
const AUDIT_BACKUPS = 10;

/** @throws Error that names the flag and what it needs */
export function accessConfig(flags: AccessFlags): AccessConfig {
  return {
    anonymous: flags.anonymousAuth ?? true,
    oidc: oidcConfig(flags),
    tokenFile: flags.tokenAuthFile,
    tokenWebhook: flags.authenticationTokenWebhookConfigFile,
    authorizationWebhook: flags.authorizationWebhookConfigFile,
    proxies: flags.requestheaderAllowedNames ?? [],
    audit: auditConfig(flags),
    cbor: featureGates(flags.featureGates ?? []).get("CBORServingAndStorage") ?? false,
    limits: {
      reads: flags.maxRequestsInflight ?? READS,
      writes: flags.maxMutatingRequestsInflight ?? WRITES,
      fairness: flags.enablePriorityAndFairness ?? true,
    },
  };
}

/** Gates of Kubernetes that this server does not have are none of its business. @throws Error for what is no gate */
function featureGates(gates: readonly string[]): ReadonlyMap<string, boolean> {
  return new Map(
    gates.map((gate) => {
      const [, name, value] = /^(\w+)=(true|false)$/.exec(gate) ?? [];
      if (name === undefined) throw new Error(`--feature-gates ${gate}: expected Name=true or Name=false`);
      return [name, value === "true"];
    }),
  );
}

function oidcConfig(flags: AccessFlags): OidcConfig | undefined {
  const { oidcIssuerUrl: issuer, oidcClientId: clientId } = flags;
  if (issuer === undefined && clientId === undefined) return undefined;
  if (issuer === undefined || clientId === undefined) throw new Error("--oidc-issuer-url and --oidc-client-id belong together: give both");
  if (!issuer.startsWith("https://")) throw new Error(`--oidc-issuer-url ${issuer}: expected an https URL`);
  const required = (flags.oidcRequiredClaim ?? []).map((claim) => {
    const equals = claim.indexOf("=");
    if (equals < 1) throw new Error(`--oidc-required-claim ${claim}: expected name=value`);
    return [claim.slice(0, equals), claim.slice(equals + 1)] as const;
  });
  return {
    issuer,
    clientIds: [clientId],
    caFile: flags.oidcCaFile,
    usernameClaim: flags.oidcUsernameClaim,
    // "-" means none
    usernamePrefix: flags.oidcUsernamePrefix === "-" ? "" : flags.oidcUsernamePrefix,
    groupsClaim: flags.oidcGroupsClaim,
    groupsPrefix: flags.oidcGroupsPrefix,
    required: Object.fromEntries(required),
  };
}

function auditConfig({ auditPolicyFile, auditLogPath, auditLogMaxsize, auditLogMaxbackup }: AccessFlags): AuditConfig | undefined {
  if (auditPolicyFile === undefined && auditLogPath === undefined) return undefined;
  if (auditPolicyFile === undefined || auditLogPath === undefined) throw new Error("--audit-policy-file and --audit-log-path belong together: give both");
  return { policyFile: auditPolicyFile, logPath: auditLogPath, maxBytes: (auditLogMaxsize ?? AUDIT_LOG_MIB) * MIB, maxBackups: auditLogMaxbackup ?? AUDIT_BACKUPS };
}

/** The flags of access-config.ts on the commands that run a server. */
import { type Command, InvalidArgumentError, Option } from "commander";

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number, 0 or more.");
  return value;
}

function yesNo(text: string): boolean {
  if (text !== "true" && text !== "false") throw new InvalidArgumentError("expected true or false.");
  return text === "true";
}

const list = (text: string) => text.split(",").filter((one) => one !== "");
const more = (text: string, before: readonly string[] | undefined) => [...(before ?? []), text];

const options: readonly Option[] = [
  new Option("--anonymous-auth <bool>", "take requests without credentials as those of system:anonymous (default: true)").argParser(yesNo),
  new Option("--oidc-issuer-url <url>", "OpenID Connect provider whose ID tokens are accepted"),
  new Option("--oidc-client-id <id>", "client that the tokens must be for"),
  new Option("--oidc-ca-file <file>", "CA of the provider (default: those of the system)"),
  new Option("--oidc-username-claim <claim>", "claim that is the user name (default: sub)"),
  new Option("--oidc-username-prefix <prefix>", "put before user names; - for none (default: the issuer and #)"),
  new Option("--oidc-groups-claim <claim>", "claim that holds the groups"),
  new Option("--oidc-groups-prefix <prefix>", "put before groups"),
  new Option("--oidc-required-claim <name=value>", "claim that must have this value; may be repeated").argParser(more),
  new Option("--token-auth-file <file>", "CSV of tokens: token,user,uid,\"group,group\""),
  new Option("--authentication-token-webhook-config-file <file>", "kubeconfig of a service that knows tokens"),
  new Option("--authorization-webhook-config-file <file>", "kubeconfig of a service that decides what RBAC does not allow"),
  new Option("--requestheader-allowed-names <names>", "common names of proxies that name the user in X-Remote-User, separated by commas").argParser(list),
  new Option("--audit-policy-file <file>", "what the audit log holds (audit.k8s.io/v1 Policy)"),
  new Option("--audit-log-path <file>", "where the audit log is written"),
  new Option("--audit-log-maxsize <megabytes>", "size at which the audit log is put aside (default: 100)").argParser(count),
  new Option("--audit-log-maxbackup <count>", "audit logs put aside that are kept, 0 for all (default: 10)").argParser(count),
  new Option("--max-requests-inflight <count>", "reads at once, 0 for no limit (default: 400)").argParser(count),
  new Option("--max-mutating-requests-inflight <count>", "writes at once, 0 for no limit (default: 200)").argParser(count),
  new Option("--enable-priority-and-fairness <bool>", "share the limits out by flow schemas (default: true)").argParser(yesNo),
  new Option("--feature-gates <gates>", "CBORServingAndStorage=true takes and sends CBOR").argParser(list),
];

export function accessOptions(command: Command): Command {
  for (const option of options) command.addOption(option.helpGroup("Access:"));
  return command;
}

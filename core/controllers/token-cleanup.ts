/** Deletes secrets that have outlived their purpose: expired bootstrap tokens, tokens of service accounts that are gone. */
import { SECRETS, SERVICE_ACCOUNTS } from "../api/resources.gen.ts";
import { unlessGone } from "../api/status.ts";
import type { Secret } from "../api/types.gen.ts";
import type { Client } from "../api/client.ts";
import type { Controller } from "../control/control.ts";
import { watching } from "../control/loop.ts";
import type { ControllerDeps } from "./deps.ts";
import { actor } from "./deps.ts";

const BOOTSTRAP = "bootstrap.kubernetes.io/token";
const ACCOUNT_TOKEN = "kubernetes.io/service-account-token";
const ACCOUNT = "kubernetes.io/service-account.name";
const ACCOUNT_UID = "kubernetes.io/service-account.uid";
const keyOf = ({ metadata }: Secret) => `${metadata.namespace}/${metadata.name}`;

const isToken = ({ type, metadata }: Secret) => type === BOOTSTRAP && metadata.namespace === "kube-system";

export function bootstrapTokenCleaner(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "token-cleaner");
  const secrets = deps.informers.of(SECRETS);
  return {
    name: "bootstrap-token-cleaner",
    watches: [watching(secrets, (secret) => (isToken(secret) ? [keyOf(secret)] : []))],
    async reconcile(key) {
      const secret = secrets.get(key);
      const at = secret === undefined ? undefined : bootstrapExpiry(secret);
      if (secret === undefined || at === undefined || !isToken(secret)) return undefined;
      const left = at - deps.clock.now();
      if (left > 0) return { afterMs: left };
      await remove(client, secret);
      return undefined;
    },
  };
}

/** undefined: the token does not expire; an expiration that cannot be read has passed */
export function bootstrapExpiry({ data }: Secret): number | undefined {
  const encoded = data?.["expiration"];
  if (encoded === undefined || encoded === "") return undefined;
  const time = Date.parse(Buffer.from(encoded, "base64").toString("utf8"));
  return Number.isNaN(time) ? 0 : time;
}

export function accountTokenCleaner(deps: ControllerDeps): Controller {
  const { client } = actor(deps, "legacy-service-account-token-cleaner");
  const secrets = deps.informers.of(SECRETS);
  const accounts = deps.informers.of(SERVICE_ACCOUNTS);
  secrets.addIndex("account", ({ type, metadata }) => (type === ACCOUNT_TOKEN ? [`${metadata.namespace}/${metadata.annotations?.[ACCOUNT] ?? ""}`] : []));
  return {
    name: "legacy-serviceaccount-token-cleaner",
    watches: [
      watching(secrets, (secret) => (secret.type === ACCOUNT_TOKEN ? [keyOf(secret)] : [])),
      watching(accounts, ({ metadata }) => secrets.by("account", `${metadata.namespace}/${metadata.name}`).map(keyOf)),
    ],
    async reconcile(key) {
      const secret = secrets.get(key);
      if (secret?.type !== ACCOUNT_TOKEN) return undefined;
      const { [ACCOUNT]: name = "", [ACCOUNT_UID]: uid } = secret.metadata.annotations ?? {};
      const account = accounts.get(`${secret.metadata.namespace}/${name}`);
      // without a uid it belongs to whatever account of this name there will be
      if (uid === undefined || account?.metadata.uid === uid) return undefined;
      await remove(client, secret);
      return undefined;
    },
  };
}

async function remove(client: Client, { metadata }: Secret): Promise<void> {
  const { namespace, name = "", uid } = metadata;
  await unlessGone(client.delete(SECRETS, { namespace, name }, uid === undefined ? {} : { preconditions: { uid } }));
}

/** Enrollment over the cluster's keys and its join tokens, which are Secrets. */
import { createPublicKey } from "node:crypto";
import type { Client } from "../api/client.ts";
import type { Clock } from "../api/clock.ts";
import type { Entropy } from "../api/entropy.ts";
import type { Log } from "../api/log.ts";
import { SECRETS } from "../api/resources.gen.ts";
import type { Secret } from "../api/types.gen.ts";
import { TOKEN_NAMESPACE } from "../auth/authn/bootstrap-token.ts";
import { checkJoinToken, joinRefused } from "../auth/authn/join-token.ts";
import type { Pki } from "../auth/pki/pki.ts";
import { deviceRecords } from "../hub/device-records.ts";
import { type Enrollment, enrollment, type JoinGrant } from "../hub/enrollment.ts";

export interface EnrollmentParts {
  /** acts as system:lichen:enrollment */
  readonly client: Client;
  /** a Secret of kube-system, as it is at this moment */
  readonly secret: (name: string) => Secret | undefined;
  readonly pki: Pki;
  readonly mqttUrls: (request: Request) => readonly string[];
  /** where the pods of all nodes have their addresses */
  readonly clusterCidr: string;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

const CLUSTER_DOMAIN = "cluster.local";

export function enrollmentOf({ client, secret, pki, mqttUrls, clusterCidr, clock, entropy, log }: EnrollmentParts): Enrollment {
  async function checkToken(token: string): Promise<JoinGrant> {
    const decision = checkJoinToken(token, secret, pki.caHash, clock.now());
    if (!decision.accepted) {
      log.warn({ problem: decision.problem }, "join token refused");
      throw joinRefused();
    }
    const { id, site, spent } = decision;
    return {
      id,
      site,
      async spend() {
        if (spent !== undefined) await client.update(SECRETS, { namespace: TOKEN_NAMESPACE, name: spent.metadata.name ?? "" }, spent);
      },
    };
  }

  return enrollment({
    checkToken,
    signCsr: (csr, subject) => pki.signCsr(csr, subject),
    records: deviceRecords(client),
    client,
    ca: pki.caCertificate,
    mqttUrls,
    moduleKeys: [createPublicKey(pki.componentKey).export({ type: "spki", format: "pem" }).toString()],
    facts: { clusterDomain: CLUSTER_DOMAIN, podRanges: [clusterCidr] },
    clock,
    entropy,
    log,
  });
}

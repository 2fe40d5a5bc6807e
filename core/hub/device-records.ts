/**
 * Which keys a device may use: one Secret per device in kube-system, `lichen-device-<node>`, with the SHA-256 of each
 * public key. Nothing in it is secret; it is a Secret because nodes cannot read or write those of others. Deleting it,
 * or the Node, takes the device's access away at once, whatever certificates it still holds.
 */
import type { Client } from "../api/client.ts";
import { SECRETS } from "../api/resources.gen.ts";
import { isReason } from "../api/status.ts";
import type { Secret } from "../api/types.gen.ts";

export interface DeviceRecord {
  readonly node: string;
  /** lower-case hex SHA-256 of SubjectPublicKeyInfo, newest first */
  readonly keys: readonly string[];
  readonly site?: string | undefined;
  /** id of the join token that enrolled it */
  readonly token?: string | undefined;
  /** opaque; undefined: not stored yet */
  readonly version?: string | undefined;
}

export interface DeviceRecords {
  get(node: string): Promise<DeviceRecord | undefined>;
  /** @throws ApiError "AlreadyExists" or "Conflict" when somebody else wrote it since it was read */
  put(record: DeviceRecord): Promise<void>;
  remove(node: string): Promise<void>;
}

const NAMESPACE = "kube-system";
export const DEVICE_SECRET_TYPE = "lichen.dev/device";

const targetOf = (node: string) => ({ namespace: NAMESPACE, name: `lichen-device-${node}` });
const encoded = (text: string) => Buffer.from(text).toString("base64");
const field = (secret: Secret, name: string) => {
  const value = secret.data?.[name];
  return value === undefined ? undefined : Buffer.from(value, "base64").toString();
};

/** @param client may get, create, update and delete Secrets in kube-system */
export function deviceRecords(client: Client): DeviceRecords {
  return {
    async get(node) {
      try {
        const secret = await client.get(SECRETS, targetOf(node));
        if (secret.type !== DEVICE_SECRET_TYPE) return undefined;
        return {
          node,
          keys: (field(secret, "keys") ?? "").split(",").filter((key) => key !== ""),
          site: field(secret, "site"),
          token: field(secret, "token-id"),
          version: secret.metadata.resourceVersion,
        };
      } catch (error) {
        if (isReason(error, "NotFound")) return undefined;
        throw error;
      }
    },
    async put({ node, keys, site, token, version }) {
      const target = targetOf(node);
      const fields = { node, keys: keys.join(","), site, "token-id": token };
      const data = Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, encoded(value)]])));
      const secret = {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { ...target, ...(version === undefined ? {} : { resourceVersion: version }) },
        type: DEVICE_SECRET_TYPE,
        data,
      };
      if (version === undefined) await client.create(SECRETS, secret);
      else await client.update(SECRETS, target, secret);
    },
    async remove(node) {
      try {
        await client.delete(SECRETS, targetOf(node));
      } catch (error) {
        if (!isReason(error, "NotFound")) throw error;
      }
    },
  };
}

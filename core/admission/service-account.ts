/**
 * Every pod runs as a service account, and finds its token, the CA of the API server and its namespace under
 * /var/run/secrets/kubernetes.io/serviceaccount, unless it or the account asks not to (KEP-1205, BoundServiceAccountToken).
 */
import type { Entropy } from "../api/entropy.ts";
import { SERVICE_ACCOUNTS } from "../api/resources.gen.ts";
import type { Container, Pod, PodSpec, ServiceAccount, Volume } from "../api/types.gen.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns } from "./concerns.ts";
import { forbidden } from "./forbidden.ts";
import type { Lookup } from "./lookup.ts";

const MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME_PREFIX = "kube-api-access-";
const SUFFIX = 5;
/** One hour and seven seconds: marks a token that the server, not the user, asked for. */
const EXPIRATION_SECONDS = 3607;
const MIRROR = "kubernetes.io/config.mirror";
const ROOT_CA = "kube-root-ca.crt";

export interface ServiceAccountPlugin {
  readonly lookup: Pick<Lookup, "get">;
  readonly entropy: Pick<Entropy, "suffix">;
}

export function serviceAccount({ lookup, entropy }: ServiceAccountPlugin): AdmissionPlugin {
  return {
    name: "ServiceAccount",
    handles: concerns({ group: "", plural: "pods", operations: ["CREATE"] }),
    async mutate({ object, kind, namespace = "", name }) {
      const pod = object as unknown as Pod;
      const { spec } = pod;
      if (spec === undefined) return object;
      if (pod.metadata.annotations?.[MIRROR] !== undefined) {
        if ((spec.serviceAccountName ?? "") !== "") throw forbidden(kind, name, "a mirror pod may not reference service accounts");
        return object;
      }
      const account = spec.serviceAccountName === undefined || spec.serviceAccountName === "" ? "default" : spec.serviceAccountName;
      const found = lookup.get(SERVICE_ACCOUNTS, namespace, account);
      if (found === undefined) {
        throw forbidden(kind, name, `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`);
      }
      return { ...object, spec: actingAs(spec, account, found, entropy) };
    },
  };
}

function actingAs(spec: PodSpec, account: string, found: ServiceAccount, entropy: Pick<Entropy, "suffix">): PodSpec {
  const named: PodSpec = { ...spec, serviceAccountName: account, serviceAccount: account };
  const pulling =
    (spec.imagePullSecrets?.length ?? 0) === 0 && (found.imagePullSecrets?.length ?? 0) > 0
      ? { ...named, imagePullSecrets: found.imagePullSecrets ?? [] }
      : named;
  const automount = spec.automountServiceAccountToken ?? found.automountServiceAccountToken ?? true;
  return automount ? withToken(pulling, entropy) : pulling;
}

function withToken(spec: PodSpec, entropy: Pick<Entropy, "suffix">): PodSpec {
  const given = spec.volumes?.find((volume) => volume.name.startsWith(VOLUME_PREFIX) && volume.projected !== undefined);
  const name = given?.name ?? VOLUME_PREFIX + entropy.suffix(SUFFIX);
  let mounted = false;
  const mount = (container: Container): Container => {
    if (container.volumeMounts?.some(({ mountPath }) => mountPath === MOUNT_PATH) === true) return container;
    mounted = true;
    return { ...container, volumeMounts: [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: MOUNT_PATH }] };
  };
  const initContainers = spec.initContainers?.map(mount);
  const containers = (spec.containers ?? []).map(mount);
  if (!mounted) return spec;
  const volumes = given === undefined ? [...(spec.volumes ?? []), tokenVolume(name)] : (spec.volumes ?? []);
  return { ...spec, volumes, ...(initContainers === undefined ? {} : { initContainers }), containers };
}

const tokenVolume = (name: string): Volume => ({
  name,
  projected: {
    sources: [
      { serviceAccountToken: { expirationSeconds: EXPIRATION_SECONDS, path: "token" } },
      { configMap: { name: ROOT_CA, items: [{ key: "ca.crt", path: "ca.crt" }] } },
      { downwardAPI: { items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }] } },
    ],
    defaultMode: 0o644,
  },
});

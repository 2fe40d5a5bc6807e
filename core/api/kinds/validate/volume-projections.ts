/** Sources that write files from the API: secret, configMap, downwardAPI, and projected, which joins them. */
import { dns1123Subdomain, type NameRule } from "../../names.ts";
import { validateLabelSelector } from "../../selector.ts";
import type {
  ClusterTrustBundleProjection, ConfigMapVolumeSource, DownwardAPIVolumeFile, DownwardAPIVolumeSource, KeyToPath, PodCertificateProjection, ProjectedVolumeSource,
  SecretVolumeSource, ServiceAccountTokenProjection, VolumeProjection,
} from "../../types.gen.ts";
import { VOLUME_FIELDS, validateFieldRef, validateResourceFieldRef } from "./env.ts";
import { type Errors, check, checkRequired, forbidden, invalid, isEmpty, notSupported, required } from "./errors.ts";
import { validateSigner } from "./signer.ts";
import { fileInVolume } from "./text-rules.ts";

const LARGEST_MODE = 0o777;
const MODE_WRONG = "must be a number between 0 and 0777 (octal), both inclusive";
const LEAST_TOKEN_SECONDS = 600;
const MOST_TOKEN_SECONDS = 2 ** 32;
/** How long a certificate of a pod may be asked for (KEP-4317): an hour to 91 days, one day of Kubernetes' own signers. */
const SHORTEST_SECONDS = 3600;
const LONGEST_SECONDS = 7_862_400;
const LONGEST_OF_KUBERNETES = 86_400;
const KEY_TYPES = ["ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519", "RSA3072", "RSA4096"];

export const projectionRules = {
  secret(errors: Errors, path: string, { secretName, defaultMode, items }: SecretVolumeSource) {
    if (isEmpty(secretName)) required(errors, `${path}.secretName`);
    fileMode(errors, `${path}.defaultMode`, defaultMode);
    keysToPaths(errors, path, items);
  },
  downwardAPI(errors: Errors, path: string, { defaultMode, items }: DownwardAPIVolumeSource) {
    fileMode(errors, `${path}.defaultMode`, defaultMode);
    for (const item of items ?? []) downwardFile(errors, path, item);
  },
  configMap(errors: Errors, path: string, { name, defaultMode, items }: ConfigMapVolumeSource) {
    if (isEmpty(name)) required(errors, `${path}.name`);
    fileMode(errors, `${path}.defaultMode`, defaultMode);
    keysToPaths(errors, path, items);
  },
  projected(errors: Errors, path: string, { defaultMode, sources }: ProjectedVolumeSource) {
    fileMode(errors, `${path}.defaultMode`, defaultMode);
    const taken = new Set<string>();
    sources?.forEach((source, index) => {
      let count = 0;
      for (const [kind, rule] of Object.entries(projections)) {
        const value = source[kind as keyof VolumeProjection];
        if (value === undefined) continue;
        count++;
        rule(errors, `${path}.sources[${index}].${kind}`, value as never, { taken, volume: path });
      }
      if (count > 1) forbidden(errors, `${path}.sources[${index}]`, "may not specify more than 1 volume type per source");
    });
  },
} as const;

/** The files of all sources of one volume must not meet. */
interface Files {
  readonly taken: Set<string>;
  readonly volume: string;
}

type Projection = (errors: Errors, path: string, source: never, files: Files) => void;

const fromObject = (errors: Errors, path: string, source: { readonly name?: string; readonly items?: readonly KeyToPath[] }, files: Files): void => {
  if (isEmpty(source.name)) required(errors, `${path}.name`);
  keysToPaths(errors, path, source.items, (file) => take(errors, files, file, source.name ?? ""));
};

const projections: { readonly [source: string]: Projection } = {
  secret: fromObject,
  configMap: fromObject,
  downwardAPI(errors: Errors, path: string, source: { readonly items?: readonly DownwardAPIVolumeFile[] }, files: Files) {
    for (const item of source.items ?? []) {
      downwardFile(errors, path, item);
      if (!isEmpty(item.path)) take(errors, files, item.path);
    }
  },
  serviceAccountToken(errors: Errors, path: string, { expirationSeconds = 0, path: file }: ServiceAccountTokenProjection, { volume }: Files) {
    if (expirationSeconds < LEAST_TOKEN_SECONDS) invalid(errors, `${path}.expirationSeconds`, expirationSeconds, "may not specify a duration less than 10 minutes");
    if (expirationSeconds > MOST_TOKEN_SECONDS) invalid(errors, `${path}.expirationSeconds`, expirationSeconds, "may not specify a duration larger than 2^32 seconds");
    // the field is that of the volume, as in Kubernetes
    checkRequired(errors, `${volume}.path`, file, fileInVolume);
  },
  clusterTrustBundle: trustBundle,
  podCertificate,
};

function trustBundle(errors: Errors, path: string, source: ClusterTrustBundleProjection, files: Files): void {
  const { name, signerName, labelSelector, path: file = "" } = source;
  if (name !== undefined && signerName !== undefined) {
    invalid(errors, path, source, "only one of name and signerName may be used");
  } else if (name !== undefined) {
    if (name === "") required(errors, `${path}.name`, "must be a valid object name");
    for (const wrong of trustBundleName(name)) invalid(errors, `${path}.name`, name, `not a valid clustertrustbundlename: ${wrong}`);
    if (labelSelector !== undefined) invalid(errors, `${path}.labelSelector`, labelSelector, "labelSelector must be unset if name is specified");
  } else if (signerName !== undefined) {
    if (signerName === "") required(errors, `${path}.signerName`, "must be a valid signer name");
    validateSigner(errors, `${path}.signerName`, signerName);
    if (labelSelector !== undefined) errors.push(...validateLabelSelector(labelSelector, `${path}.labelSelector`));
  } else {
    required(errors, path, "either name or signerName must be specified");
  }
  if (file === "") required(errors, `${path}.path`);
  check(errors, `${path}.path`, file, fileInVolume);
  take(errors, files, file);
}

/** Bundles of a signer begin with its name, with colons for slashes. */
const trustBundleName: NameRule = (name) => {
  const colon = name.lastIndexOf(":");
  return dns1123Subdomain(colon < 0 ? name : name.slice(colon + 1));
};

function podCertificate(errors: Errors, path: string, source: PodCertificateProjection, files: Files): void {
  const { signerName = "", keyType = "", maxExpirationSeconds: most } = source;
  validateSigner(errors, `${path}.signerName`, signerName);
  if (!KEY_TYPES.includes(keyType)) notSupported(errors, `${path}.keyType`, keyType, KEY_TYPES);
  if (most !== undefined) {
    const longest = /^([^/]*\.)?kubernetes\.io\//.test(signerName) ? LONGEST_OF_KUBERNETES : LONGEST_SECONDS;
    if (most < SHORTEST_SECONDS) invalid(errors, `${path}.maxExpirationSeconds`, most, `if provided, maxExpirationSeconds must be >= ${SHORTEST_SECONDS}`);
    if (most > longest) invalid(errors, `${path}.maxExpirationSeconds`, most, `if provided, maxExpirationSeconds must be <= ${longest}`);
  }
  const given = (["credentialBundlePath", "keyPath", "certificateChainPath"] as const).filter((field) => !isEmpty(source[field]));
  for (const field of given) {
    check(errors, `${path}.${field}`, source[field] ?? "", fileInVolume);
    take(errors, files, source[field] ?? "");
  }
  if (given.length === 0) required(errors, path, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath");
}

function fileMode(errors: Errors, path: string, mode: number | undefined): void {
  if (mode !== undefined && (mode < 0 || mode > LARGEST_MODE)) invalid(errors, path, mode, MODE_WRONG);
}

function keysToPaths(errors: Errors, path: string, items: readonly KeyToPath[] | undefined, write?: (file: string) => void): void {
  items?.forEach(({ key, path: file, mode }, index) => {
    const at = `${path}.items[${index}]`;
    if (isEmpty(key)) required(errors, `${at}.key`);
    checkRequired(errors, `${at}.path`, file, fileInVolume);
    fileMode(errors, `${at}.mode`, mode);
    if (!isEmpty(file)) write?.(file);
  });
}

function take(errors: Errors, { taken, volume }: Files, file: string, shown = file): void {
  if (taken.has(file)) invalid(errors, volume, shown, "conflicting duplicate paths");
  taken.add(file);
}

function downwardFile(errors: Errors, path: string, { path: file, fieldRef, resourceFieldRef, mode }: DownwardAPIVolumeFile): void {
  checkRequired(errors, `${path}.path`, file, fileInVolume);
  if (fieldRef !== undefined) {
    validateFieldRef(errors, `${path}.fieldRef`, fieldRef, VOLUME_FIELDS);
    if (resourceFieldRef !== undefined) invalid(errors, path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously");
  } else if (resourceFieldRef === undefined) {
    required(errors, path, "one of fieldRef and resourceFieldRef is required");
  } else {
    validateResourceFieldRef(errors, `${path}.resourceFieldRef`, resourceFieldRef, true);
  }
  fileMode(errors, `${path}.mode`, mode);
}

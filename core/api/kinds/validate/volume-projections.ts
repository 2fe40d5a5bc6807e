/** Sources that write files from the API: secret, configMap, downwardAPI, and projected, which joins them. */
import { validateLabelSelector } from "../../selector.ts";
import type {
  ClusterTrustBundleProjection, ConfigMapVolumeSource, DownwardAPIVolumeFile, DownwardAPIVolumeSource, KeyToPath, PodCertificateProjection, ProjectedVolumeSource,
  SecretVolumeSource, ServiceAccountTokenProjection, VolumeProjection,
} from "../../types.gen.ts";
import { VOLUME_FIELDS, validateFieldRef, validateResourceFieldRef } from "./env.ts";
import { type Errors, check, forbidden, invalid, isEmpty, notSupported, required } from "./errors.ts";
import { descendingPath } from "./text-rules.ts";

const LARGEST_MODE = 0o777;
const MODE_WRONG = "must be a number between 0 and 0777 (octal), both inclusive";
const LEAST_TOKEN_SECONDS = 600;
const MOST_TOKEN_SECONDS = 2 ** 32;
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
        const at = `${path}.sources[${index}].${kind}`;
        if (count++ > 0) forbidden(errors, at, "may not specify more than 1 volume type per source");
        else rule(errors, at, value as never, taken, path);
      }
      if (count === 0) required(errors, `${path}.sources[${index}]`, "must specify a source");
    });
  },
} as const;

type Projection = (errors: Errors, path: string, source: never, taken: Set<string>, volume: string) => void;

const projections: { readonly [source: string]: Projection } = {
  secret(errors: Errors, path: string, source: { readonly name?: string; readonly items?: readonly KeyToPath[] }, taken: Set<string>, volume: string) {
    if (isEmpty(source.name)) required(errors, `${path}.name`);
    keysToPaths(errors, path, source.items, taken, volume, source.name);
  },
  configMap(errors: Errors, path: string, source: { readonly name?: string; readonly items?: readonly KeyToPath[] }, taken: Set<string>, volume: string) {
    if (isEmpty(source.name)) required(errors, `${path}.name`);
    keysToPaths(errors, path, source.items, taken, volume, source.name);
  },
  downwardAPI(errors: Errors, path: string, source: { readonly items?: readonly DownwardAPIVolumeFile[] }, taken: Set<string>, volume: string) {
    for (const item of source.items ?? []) {
      downwardFile(errors, path, item);
      if (!isEmpty(item.path)) take(errors, volume, item.path, taken);
    }
  },
  serviceAccountToken(errors: Errors, path: string, { expirationSeconds = 0, path: file }: ServiceAccountTokenProjection, taken: Set<string>, volume: string) {
    if (expirationSeconds < LEAST_TOKEN_SECONDS) invalid(errors, `${path}.expirationSeconds`, expirationSeconds, "may not specify a duration less than 10 minutes");
    if (expirationSeconds > MOST_TOKEN_SECONDS) invalid(errors, `${path}.expirationSeconds`, expirationSeconds, "may not specify a duration larger than 2^32 seconds");
    if (isEmpty(file)) return required(errors, `${path}.path`);
    check(errors, `${path}.path`, file, descendingPath);
    take(errors, volume, file, taken);
  },
  clusterTrustBundle: trustBundle,
  podCertificate,
};

function trustBundle(errors: Errors, path: string, source: ClusterTrustBundleProjection, taken: Set<string>, volume: string): void {
  const named = source.name !== undefined;
  const signed = source.signerName !== undefined;
  if (named && signed) invalid(errors, path, source, "only one of name and signerName may be used");
  if (!named && !signed) required(errors, path, "either name or signerName must be specified");
  if (named && source.name === "") required(errors, `${path}.name`, "must be a valid object name");
  if (named && source.labelSelector !== undefined) invalid(errors, `${path}.labelSelector`, source.labelSelector, "labelSelector must be unset if name is specified");
  if (signed && source.labelSelector !== undefined) errors.push(...validateLabelSelector(source.labelSelector, `${path}.labelSelector`));
  if (isEmpty(source.path)) return required(errors, `${path}.path`);
  check(errors, `${path}.path`, source.path, descendingPath);
  take(errors, volume, source.path, taken);
}

function podCertificate(errors: Errors, path: string, source: PodCertificateProjection, taken: Set<string>, volume: string): void {
  if (isEmpty(source.signerName)) required(errors, `${path}.signerName`);
  if (!KEY_TYPES.includes(source.keyType ?? "")) notSupported(errors, `${path}.keyType`, source.keyType ?? "", KEY_TYPES);
  const files = (["credentialBundlePath", "keyPath", "certificateChainPath"] as const).filter((field) => !isEmpty(source[field]));
  if (files.length === 0) required(errors, path, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath");
  for (const field of files) {
    check(errors, `${path}.${field}`, source[field] ?? "", descendingPath);
    take(errors, volume, source[field] ?? "", taken);
  }
}

function fileMode(errors: Errors, path: string, mode: number | undefined): void {
  if (mode !== undefined && (mode < 0 || mode > LARGEST_MODE)) invalid(errors, path, mode, MODE_WRONG);
}

function keysToPaths(errors: Errors, path: string, items: readonly KeyToPath[] | undefined, taken?: Set<string>, volume = path, name = ""): void {
  items?.forEach(({ key, path: file, mode }, index) => {
    const at = `${path}.items[${index}]`;
    if (isEmpty(key)) required(errors, `${at}.key`);
    if (isEmpty(file)) required(errors, `${at}.path`);
    else check(errors, `${at}.path`, file, descendingPath);
    fileMode(errors, `${at}.mode`, mode);
    if (taken !== undefined && !isEmpty(file)) take(errors, volume, file, taken, name);
  });
}

function take(errors: Errors, volume: string, file: string, taken: Set<string>, name = ""): void {
  if (taken.has(file)) invalid(errors, volume, name === "" ? file : name, "conflicting duplicate paths");
  taken.add(file);
}

function downwardFile(errors: Errors, path: string, { path: file, fieldRef, resourceFieldRef, mode }: DownwardAPIVolumeFile): void {
  if (isEmpty(file)) required(errors, `${path}.path`);
  else check(errors, `${path}.path`, file, descendingPath);
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

/** Files that volumes write over each other: allowed, and hardly meant. */
import { quote } from "../names.ts";
import type { PodSpec, ProjectedVolumeSource, VolumeProjection } from "../types.gen.ts";

interface File {
  readonly path: string;
  /** where it comes from; empty where the volume has only one source */
  readonly source: string;
}

export function pathWarnings(volumes: PodSpec["volumes"]): readonly string[] {
  return (volumes ?? []).flatMap(({ name, configMap, secret, downwardAPI, projected }) => {
    const warnings: string[] = [];
    const overlapping = (described: string, files: readonly File[]) => {
      for (const pair of overlaps(files)) warnings.push(`volume ${quote(name)} (${described}): overlapping paths: ${pair}`);
    };
    if (configMap?.items) overlapping(`ConfigMap ${quote(configMap.name ?? "")}`, filesOf(configMap.items));
    if (secret?.items) overlapping(`Secret ${quote(secret.secretName ?? "")}`, filesOf(secret.items));
    if (downwardAPI?.items) overlapping("DownwardAPI", filesOf(downwardAPI.items));
    warnings.push(...emptySources(projected).map(() => `volume ${quote(name)} (Projected) has no sources provided`));
    if (projected?.sources) overlapping("Projected", projected.sources.flatMap(projectedFiles));
    return warnings;
  });
}

const emptySources = (projected: ProjectedVolumeSource | undefined) => (projected?.sources ?? []).filter((source) => Object.keys(source).length === 0);

const filesOf = (items: readonly { readonly path: string }[] | undefined, source = ""): readonly File[] => (items ?? []).map(({ path }) => ({ path: path ?? "", source }));

/** Of a projection that has several sources by mistake the first counts. */
function projectedFiles({ configMap, secret, downwardAPI, serviceAccountToken: token, clusterTrustBundle: bundle, podCertificate }: VolumeProjection): readonly File[] {
  if (configMap?.items !== undefined) return filesOf(configMap.items, `ConfigMap ${quote(configMap.name ?? "")}`);
  if (secret?.items !== undefined) return filesOf(secret.items, `Secret ${quote(secret.name ?? "")}`);
  if (downwardAPI?.items !== undefined) return filesOf(downwardAPI.items, "DownwardAPI");
  if (token !== undefined) return [{ path: token.path ?? "", source: "ServiceAccountToken" }];
  if (bundle !== undefined) return [{ path: bundle.path ?? "", source: `ClusterTrustBundle ${quote(bundle.name ?? bundle.signerName ?? "")}` }];
  const { certificateChainPath = "", keyPath = "", credentialBundlePath = "" } = podCertificate ?? {};
  const files = [
    { path: certificateChainPath, source: "PodCertificate chain" },
    { path: keyPath, source: "PodCertificate key" },
    { path: credentialBundlePath, source: "PodCertificate credential bundle" },
  ];
  return files.filter(({ path }) => path !== "");
}

function overlaps(files: readonly File[]): readonly string[] {
  const pairs: string[] = [];
  const before: File[] = [];
  for (const { path, source } of files) {
    const file = { path: path.replace(/\/+$/, ""), source };
    for (const other of before) if (meet(file.path, other.path)) pairs.push(`${shown(file)} with ${shown(other)}`);
    before.push(file);
  }
  return pairs;
}

const meet = (one: string, other: string): boolean => one !== "" && other !== "" && (`${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`));

const shown = ({ path, source }: File): string => (source === "" ? quote(path) : `${quote(path)} (${source})`);

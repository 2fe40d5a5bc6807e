/** The specification of a claim for storage, also where another object carries one as a template. */
import { dns1123Label, dns1123Subdomain } from "../../names.ts";
import { validateLabelSelector } from "../../selector.ts";
import type { PersistentVolumeClaimSpec, TypedLocalObjectReference } from "../../types.gen.ts";
import { type Errors, check, forbidden, invalid, isEmpty, notSupported, required } from "./errors.ts";
import { amountOf } from "./quantity-rules.ts";
import { same } from "./same.ts";

const ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const VOLUME_MODES = ["Block", "Filesystem"];

/** `anyGroup`: the claim had a source before, and stays valid with a group that no new one may name */
export function validateClaimSpec(errors: Errors, path: string, spec: PersistentVolumeClaimSpec, { anyGroup = false }: { readonly anyGroup?: boolean } = {}): void {
  const { accessModes = [], selector, resources, storageClassName, volumeMode, volumeAttributesClassName } = spec;
  if (accessModes.length === 0) required(errors, `${path}.accessModes`, "at least 1 access mode is required");
  if (selector !== undefined) errors.push(...validateLabelSelector(selector, `${path}.selector`));
  for (const mode of accessModes) if (!ACCESS_MODES.includes(mode)) notSupported(errors, `${path}.accessModes`, mode, ACCESS_MODES);
  if (accessModes.includes("ReadWriteOncePod") && accessModes.some((mode) => mode !== "ReadWriteOncePod" && ACCESS_MODES.includes(mode))) forbidden(errors, `${path}.accessModes`, "may not use ReadWriteOncePod with other access modes");
  const storage = resources?.requests?.["storage"];
  if (storage === undefined) required(errors, `${path}.resources[storage]`);
  else if (amountOf(storage).nanos <= 0n) invalid(errors, `${path}.resources[storage]`, storage, "must be greater than zero");
  if (!isEmpty(storageClassName)) check(errors, `${path}.storageClassName`, storageClassName ?? "", dns1123Subdomain);
  if (volumeMode !== undefined && !VOLUME_MODES.includes(volumeMode)) notSupported(errors, `${path}.volumeMode`, volumeMode, VOLUME_MODES);
  dataSources(errors, path, spec, anyGroup);
  if (!isEmpty(volumeAttributesClassName)) check(errors, `${path}.volumeAttributesClassName`, volumeAttributesClassName ?? "", dns1123Subdomain);
}

const identity = ({ apiGroup, kind, name }: TypedLocalObjectReference) => [apiGroup, kind ?? "", name ?? ""];

function dataSources(errors: Errors, path: string, { dataSource, dataSourceRef }: PersistentVolumeClaimSpec, anyGroup: boolean): void {
  for (const [field, source] of [["dataSource", dataSource], ["dataSourceRef", dataSourceRef]] as const) {
    if (source === undefined) continue;
    const { apiGroup: group = "", kind = "", name } = source;
    if (isEmpty(name)) required(errors, `${path}.${field}.name`);
    if (kind === "") required(errors, `${path}.${field}.kind`);
    if (group === "" && kind !== "PersistentVolumeClaim") invalid(errors, `${path}.${field}`, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
    if (group !== "" && !anyGroup) check(errors, `${path}.${field}.apiGroup`, group, dns1123Subdomain);
  }
  const from = dataSourceRef?.namespace ?? "";
  if (from !== "") check(errors, `${path}.dataSourceRef.namespace`, from, dns1123Label);
  if (dataSource === undefined || dataSourceRef === undefined) return;
  if (from !== "") invalid(errors, path, {}, "may not be specified when dataSourceRef.namespace is specified");
  else if (!same(identity(dataSource), identity(dataSourceRef))) invalid(errors, path, {}, "must match dataSourceRef");
}

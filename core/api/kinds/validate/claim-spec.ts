/** The specification of a claim for storage, also where another object carries one as a template. */
import { dns1123Subdomain } from "../../names.ts";
import { validateLabelSelector } from "../../selector.ts";
import type { PersistentVolumeClaimSpec } from "../../types.gen.ts";
import { type Errors, check, forbidden, invalid, isEmpty, notSupported, required } from "./errors.ts";
import { amountOf } from "./quantity-rules.ts";

const ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const VOLUME_MODES = ["Block", "Filesystem"];

export function validateClaimSpec(errors: Errors, path: string, spec: PersistentVolumeClaimSpec): void {
  const { accessModes = [], selector, resources, storageClassName, volumeMode, volumeAttributesClassName } = spec;
  if (accessModes.length === 0) required(errors, `${path}.accessModes`, "at least 1 access mode is required");
  if (selector !== undefined) errors.push(...validateLabelSelector(selector, `${path}.selector`));
  for (const mode of accessModes) if (!ACCESS_MODES.includes(mode)) notSupported(errors, `${path}.accessModes`, mode, ACCESS_MODES);
  if (accessModes.includes("ReadWriteOncePod") && accessModes.length > 1) forbidden(errors, `${path}.accessModes`, "may not use ReadWriteOncePod with other access modes");
  const storage = resources?.requests?.["storage"];
  if (storage === undefined) required(errors, `${path}.resources[storage]`);
  else if (amountOf(storage).nanos <= 0n) invalid(errors, `${path}.resources[storage]`, storage, "must be greater than zero");
  if (!isEmpty(storageClassName)) check(errors, `${path}.storageClassName`, storageClassName ?? "", dns1123Subdomain);
  if (volumeMode !== undefined && !VOLUME_MODES.includes(volumeMode)) notSupported(errors, `${path}.volumeMode`, volumeMode, VOLUME_MODES);
  dataSources(errors, path, spec);
  if (!isEmpty(volumeAttributesClassName)) check(errors, `${path}.volumeAttributesClassName`, volumeAttributesClassName ?? "", dns1123Subdomain);
}

function dataSources(errors: Errors, path: string, { dataSource, dataSourceRef }: PersistentVolumeClaimSpec): void {
  for (const [field, source] of [["dataSource", dataSource], ["dataSourceRef", dataSourceRef]] as const) {
    if (source === undefined) continue;
    const group = source.apiGroup ?? "";
    if (isEmpty(source.name)) required(errors, `${path}.${field}.name`);
    if (isEmpty(source.kind)) required(errors, `${path}.${field}.kind`);
    if (group === "" && source.kind !== "PersistentVolumeClaim" && !isEmpty(source.kind)) invalid(errors, `${path}.${field}`, source.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
    if (group !== "") check(errors, `${path}.${field}.apiGroup`, group, dns1123Subdomain);
  }
}

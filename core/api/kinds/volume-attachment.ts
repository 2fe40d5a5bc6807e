/** VolumeAttachments: a volume that shall be attached to a node. */
import type { KindHooks } from "../kinds.ts";
import { dns1123Subdomain } from "../names.ts";
import type { VolumeAttachment } from "../types.gen.ts";
import { ageColumn, columnsOf, nameColumn } from "./column.ts";
import { checking, checkingUpdate } from "./hook-types.ts";
import { type Errors, check, forbidden, invalid, isEmpty, required, tooLong } from "./validate/errors.ts";
import { internalForm } from "./validate/internal-form.ts";
import { validateVolumeSpec } from "./validate/persistent-volume-spec.ts";
import { same } from "./validate/same.ts";
import { csiDriverName } from "./validate/volume-sources.ts";

const column = columnsOf<VolumeAttachment>();
const METADATA_BYTES = 256 * 1024;
const MESSAGE_BYTES = 1024;

export const volumeAttachmentHooks: KindHooks = {
  generation: "none",
  validate: checking<VolumeAttachment>(validate),
  validateUpdate: checkingUpdate<VolumeAttachment>((errors, object, old) => {
    validate(errors, object);
    if (!same(object.spec, old.spec)) invalid(errors, "spec", internalForm("VolumeAttachmentSpec", object.spec), "field is immutable");
  }),
  validateSubresource: { status: checking<VolumeAttachment>(validateStatus) },
  columns: [
    nameColumn,
    column("Attacher", ({ spec }) => spec.attacher, { format: "name" }),
    column("PV", ({ spec }) => spec.source?.persistentVolumeName ?? ""),
    column("Node", ({ spec }) => spec.nodeName),
    column("Attached", ({ status }) => status?.attached ?? false, { type: "boolean" }),
    ageColumn,
  ],
};

function validate(errors: Errors, object: VolumeAttachment): void {
  const { attacher, source = {}, nodeName = "" } = object.spec;
  const { inlineVolumeSpec, persistentVolumeName } = source;
  const at = "spec.source";
  const exactlyOne = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
  csiDriverName(errors, "spec.attacher", attacher);
  if (inlineVolumeSpec === undefined && persistentVolumeName === undefined) required(errors, at, exactlyOne);
  else if (inlineVolumeSpec !== undefined && persistentVolumeName !== undefined) forbidden(errors, at, exactlyOne);
  else if (inlineVolumeSpec !== undefined) validateVolumeSpec(errors, `${at}.inlineVolumeSpec`, inlineVolumeSpec, true);
  else if (isEmpty(persistentVolumeName)) required(errors, `${at}.persistentVolumeName`, "must specify non empty persistentVolumeName");
  else check(errors, `${at}.persistentVolumeName`, persistentVolumeName ?? "", dns1123Subdomain);
  check(errors, "spec.nodeName", nodeName, dns1123Subdomain);
  validateStatus(errors, object);
}

function validateStatus(errors: Errors, { status }: VolumeAttachment): void {
  const bytes = Object.entries(status?.attachmentMetadata ?? {}).reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (bytes > METADATA_BYTES) tooLong(errors, "status.attachmentMetadata", METADATA_BYTES);
  for (const field of ["attachError", "detachError"] as const) {
    if (Buffer.byteLength(status?.[field]?.message ?? "") > MESSAGE_BYTES) tooLong(errors, `status.${field}.message`, MESSAGE_BYTES);
  }
}

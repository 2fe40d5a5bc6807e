/** Volumes of a pod: a name and exactly one source. The rules of the sources are in volume-sources.ts. */
import { dns1123Label, dns1123Subdomain } from "../../names.ts";
import type { Volume } from "../../types.gen.ts";
import { type Errors, check, duplicate, forbidden, invalid, isEmpty, required } from "./errors.ts";
import { projectionRules } from "./volume-projections.ts";
import { type SourceRule, sourceRules } from "./volume-sources.ts";

export type Volumes = ReadonlyMap<string, Volume>;

const rules: readonly (readonly [source: string, rule: SourceRule])[] = Object.entries({ ...sourceRules, ...projectionRules });
const ruleOf: ReadonlyMap<string, SourceRule> = new Map(rules);

/** The volumes that can be mounted: those without mistakes, as Kubernetes has it. */
export function validateVolumes(errors: Errors, path: string, volumes: readonly Volume[] | undefined, podName: string): Volumes {
  const valid = new Map<string, Volume>();
  volumes?.forEach((volume, index) => {
    const at = `${path}[${index}]`;
    const before = errors.length;
    validateSource(errors, at, volume, podName);
    if (isEmpty(volume.name)) required(errors, `${at}.name`);
    else check(errors, `${at}.name`, volume.name, dns1123Label);
    if (valid.has(volume.name)) duplicate(errors, `${at}.name`, volume.name);
    if (errors.length === before) valid.set(volume.name, volume);
  });
  return valid;
}

function validateSource(errors: Errors, path: string, volume: Volume, podName: string): void {
  let sources = 0;
  let only: keyof Volume | undefined;
  for (const field in volume) {
    if (!ruleOf.has(field) || volume[field as keyof Volume] === undefined || volume[field as keyof Volume] === null) continue;
    sources++;
    only = field as keyof Volume;
  }
  if (sources === 0) return required(errors, path, "must specify a volume type");
  if (sources === 1 && only !== undefined) ruleOf.get(only)?.(errors, `${path}.${only}`, volume[only] as never);
  else severalSources(errors, path, volume);
  if (volume.iscsi?.initiatorName !== undefined && `${volume.name}:${volume.iscsi.targetPortal}`.length > 64) {
    invalid(errors, `${path}.name`, volume.name, "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.");
  }
  if (volume.ephemeral !== undefined && podName !== "") check(errors, `${path}.name`, `${podName}-${volume.name}`, dns1123Subdomain);
}

/** The first in the order of the rules counts, the others are too many. */
function severalSources(errors: Errors, path: string, volume: Volume): void {
  let first = true;
  for (const [field, rule] of rules) {
    const source = volume[field as keyof Volume];
    if (source === undefined || source === null) continue;
    if (first) rule(errors, `${path}.${field}`, source as never);
    else forbidden(errors, `${path}.${field}`, "may not specify more than 1 volume type");
    first = false;
  }
}

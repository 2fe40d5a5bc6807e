/** DeviceClasses: kinds of devices, chosen by expressions. */
import type { KindHooks } from "../kinds.ts";
import { qualifiedName } from "../names.ts";
import type { DeviceClass } from "../types.gen.ts";
import { ageColumn, nameColumn } from "./column.ts";
import { checking } from "./hook-types.ts";
import { configuration, eachOf, LIMITS, selector } from "./validate/device-rules.ts";
import { invalid } from "./validate/errors.ts";

export const deviceClassHooks: KindHooks = {
  validate: checking<DeviceClass>((errors, object) => {
    const spec = (object as Partial<DeviceClass>).spec ?? {};
    eachOf(errors, "spec.selectors", spec.selectors ?? [], LIMITS.selectors, selector);
    eachOf(errors, "spec.config", spec.config ?? [], LIMITS.configurations, (found, at, { opaque }) => configuration(found, at, opaque));
    const name = spec.extendedResourceName;
    if (name !== undefined && !isExtendedResource(name)) invalid(errors, "spec.extendedResourceName", name, "must be a valid extended resource name");
  }),
  columns: [nameColumn, ageColumn],
};

const isExtendedResource = (name: string): boolean =>
  name.includes("/") && !name.startsWith("requests.") && !/(^|\.)kubernetes\.io\//.test(name) && qualifiedName(`requests.${name}`).length === 0;

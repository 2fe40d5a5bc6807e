import type { StatusCause } from "../api/status.ts";
import { ApiError } from "../api/status.ts";

/** 403 in the words of Kubernetes: `pods "a" is forbidden: …` */
export function forbidden(
  of: { readonly group: string; readonly plural: string },
  name: string | undefined,
  why: string,
  causes?: readonly StatusCause[],
  atTheDoor = false,
): ApiError {
  const { group, plural } = of;
  const what = group === "" ? plural : `${plural}.${group}`;
  const unnamed = name === undefined || name === "";
  return new ApiError("Forbidden", `${unnamed ? what : `${what} "${name}"`} is forbidden: ${why}`, {
    details: {
      ...(unnamed ? {} : { name }),
      ...(group === "" ? {} : { group }),
      kind: plural,
      ...(causes === undefined ? {} : { causes }),
    },
    atTheDoor,
  });
}

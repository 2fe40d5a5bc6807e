/** The options of a request as admission sees them (metav1 CreateOptions, UpdateOptions, DeleteOptions): what the client gave. */
import type { DeleteOptions, WriteOptions } from "../api/client.ts";
import type { AnyObject } from "../api/meta.ts";

/** A patch is an update to admission. */
export function writeOptionsShown(kind: "CreateOptions" | "UpdateOptions", { dryRun, fieldManager = "", fieldManagerGiven, fieldValidation }: WriteOptions): AnyObject {
  return shown(kind, {
    ...dryRunShown(dryRun),
    ...(fieldManagerGiven === true ? { fieldManager } : {}),
    ...(fieldValidation === undefined ? {} : { fieldValidation }),
  });
}

export function deleteOptionsShown({ dryRun, gracePeriodSeconds, preconditions, propagationPolicy }: DeleteOptions): AnyObject {
  return shown("DeleteOptions", {
    ...dryRunShown(dryRun),
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(preconditions === undefined ? {} : { preconditions }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
  });
}

const dryRunShown = (dryRun: boolean | undefined) => (dryRun === true ? { dryRun: ["All"] } : {});

const shown = (kind: string, options: object): AnyObject => ({ kind, apiVersion: "meta.k8s.io/v1", ...options }) as unknown as AnyObject;

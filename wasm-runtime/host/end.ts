/** How a component ends: the same words whether the process was its own or not. Pure. */
import { LimitError, PAGE_BYTES } from "../limits.ts";
import type { ExitRecord } from "./spec.ts";

export type End = Pick<ExitRecord, "code" | "reason" | "message">;

/** 128 + SIGKILL, as the kernel's OOM killer makes container runtimes report it */
const OOM_CODE = 137;
/** 128 + SIGABRT */
const TRAP_CODE = 134;
/** A guest that failed with this part of its memory limit in use is taken to have run out of it. */
const OOM_FRACTION = 0.75;
const MAX_MESSAGE = 1024;

/** @param code what it ended with */
export const finished = (code: number): End => ({ code, reason: code === 0 ? "Completed" : "Error" });

/** An error that is a value is the guest's `err`; anything else is a trap. */
export const isTrap = (error: unknown): error is Error => error instanceof Error && !("payload" in error);

export function trapped(error: unknown, usedBytes: number, limitBytes: number): End {
  const text = textOf(error);
  if (usedBytes >= limitBytes * OOM_FRACTION - PAGE_BYTES) {
    return { code: OOM_CODE, reason: "OOMKilled", message: `the component failed with ${usedBytes} of ${limitBytes} bytes of memory in use: ${text}` };
  }
  return { code: TRAP_CODE, reason: "Error", message: `the component trapped: ${text}` };
}

export function notStarted(error: unknown): End {
  if (error instanceof LimitError) return { code: OOM_CODE, reason: "OOMKilled", message: error.message };
  return { code: 128, reason: "StartError", message: `the component could not be started: ${textOf(error)}` };
}

function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE);
}

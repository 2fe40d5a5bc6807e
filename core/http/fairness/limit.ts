/** Admission of requests by load: a request gets a ticket, at once or after waiting, or is told to come back later. */
import { ApiError } from "../../api/status.ts";
import type { Asked } from "./asked.ts";

export interface Ticket {
  /** headers of the answer that say how the request was classified */
  readonly headers: { readonly [name: string]: string };
  /** gives the seat back; once */
  readonly done: () => void;
}

export interface RequestLimit {
  /** @throws ApiError "TooManyRequests" */
  admit(asked: Asked): Ticket | Promise<Ticket>;
  /** for metrics: requests that run and wait, by priority level */
  readonly load: () => readonly { readonly level: string; readonly running: number; readonly waiting: number; readonly refused: number; readonly seats: number }[];
}

/** Seconds after which a refused client may come back; client-go waits for it and tries again. */
const RETRY_AFTER_SECONDS = 1;

export function tooManyRequests(): ApiError {
  return new ApiError("TooManyRequests", "Too many requests, please try again later.", { details: { retryAfterSeconds: RETRY_AFTER_SECONDS } });
}

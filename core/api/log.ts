/**
 * The log as seen by code that writes to it. Fields are data, never secrets: names, counts, durations, reasons.
 * The composition roots hand in pino; tests hand in a recorder.
 */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Log;
}

export type LogFields = { readonly [field: string]: unknown };

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

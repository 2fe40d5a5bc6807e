import { Failure } from "../../../wasm-runtime/host/io.ts";

/** The error code that a call hands to the guest; "" when there is none. */
export function failureCode(call: () => unknown): unknown {
  try {
    call();
    return "";
  } catch (error) {
    if (error instanceof Failure) return error.payload;
    throw error;
  }
}

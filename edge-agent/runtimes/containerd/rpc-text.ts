/** What containerd answers, as users see it from kubelets. */
import { GrpcError } from "./grpc.ts";

/** As Go's gRPC prints it: users search for these texts. */
export function rpcText({ code, message }: GrpcError): string {
  return `rpc error: code = ${CODE_NAMES[code] ?? "Unknown"} desc = ${message}`;
}

/** Errors of which users see code and all. */
export async function inFull<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw error instanceof GrpcError ? new Error(rpcText(error), { cause: error }) : error;
  }
}

const CODE_NAMES: { readonly [code: number]: string } = { 1: "Canceled", 2: "Unknown", 4: "DeadlineExceeded", 5: "NotFound", 7: "PermissionDenied", 14: "Unavailable", 16: "Unauthenticated" };

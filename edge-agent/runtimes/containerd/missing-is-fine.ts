import { GRPC, GrpcError } from "./grpc.ts";

/** undefined: what was asked about is not there */
export async function missingIsFine<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof GrpcError && error.code === GRPC.notFound)) throw error;
    return undefined;
  }
}

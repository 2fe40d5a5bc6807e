/** A gRPC probe: Check of grpc.health.v1.Health, over the channel and codec that the container runtime is spoken to with. */
import type { GRPCAction } from "../../core/api/types.gen.ts";
import { GRPC, grpcChannel, GrpcError } from "../runtimes/containerd/grpc.ts";
import { protobuf, type Table } from "../runtimes/containerd/protobuf.ts";
import type { Outcome } from "./outcome.ts";

const messages = { HealthCheckRequest: { service: [1, "string"] }, HealthCheckResponse: { status: [1, "int"] } } as const satisfies Table;
const codec = protobuf(messages);
const STATUSES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;
const SERVING = 1;

export async function probeGrpc({ host, action, timeoutSeconds }: { readonly host: string; readonly action: GRPCAction; readonly timeoutSeconds: number }, signal: AbortSignal): Promise<Outcome> {
  const channel = grpcChannel({ host, port: action.port });
  const address = `${host.includes(":") ? `[${host}]` : host}:${action.port}`;
  try {
    const answer = await channel.unary("/grpc.health.v1.Health/Check", codec.encode("HealthCheckRequest", { service: action.service ?? "" }), { signal });
    const { status = 0 } = codec.decode("HealthCheckResponse", answer);
    if (status === SERVING) return { result: "success", output: "service healthy" };
    return { result: "failure", output: `service unhealthy (responded with "${STATUSES[status] ?? status}")` };
  } catch (error) {
    return { result: "failure", output: failureText(error, { address, timeoutSeconds, late: signal.aborted }) };
  } finally {
    channel.close();
  }
}

function failureText(error: unknown, { address, timeoutSeconds, late }: { readonly address: string; readonly timeoutSeconds: number; readonly late: boolean }): string {
  if (late || !(error instanceof GrpcError) || error.code === GRPC.unavailable) return `timeout: failed to connect service "${address}" within ${timeoutSeconds}s: context deadline exceeded`;
  const detail = `rpc error: code = ${error.code} desc = ${error.message}`;
  if (error.code === GRPC.unimplemented) return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${detail}`;
  return `error: health rpc probe failed: ${detail}`;
}

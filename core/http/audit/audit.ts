/**
 * Who did what, when, and with which result: audit.k8s.io/v1 events of every request that the policy asks for. Bodies are
 * written at the levels Request and RequestResponse only, so a policy that keeps Secrets at Metadata never writes one.
 */
import type { Clock } from "../../api/clock.ts";
import type { User } from "../../api/user.ts";
import type { Asked } from "../fairness/asked.ts";
import type { Extent, Policy, Stage } from "./policy.ts";
import { extentOf } from "./policy.ts";

export interface AuditedRequest extends Asked {
  readonly id: string;
  /** as sent, with the query */
  readonly uri: string;
  /** who presented the credentials, where that is somebody else than the user acted as */
  readonly authenticated: User;
  readonly sourceIps: readonly string[];
  readonly userAgent: string | undefined;
}

export interface Trail {
  /** the request body is worth keeping for `done` */
  readonly keepsRequest: boolean;
  readonly keepsResponse: boolean;
  /** an answer that lasts has begun (watch, log, exec) */
  started(code: number): void;
  /** bodies: decoded JSON; undefined when there is none or it is in another format */
  done(code: number, bodies?: { readonly request?: unknown; readonly response?: unknown }): void;
}

export interface Audit {
  /** undefined: nothing of this request is written */
  begin(request: AuditedRequest): Trail | undefined;
}

export interface AuditParts {
  readonly policy: Policy;
  readonly write: (line: string) => void;
  readonly clock: Pick<Clock, "now">;
}

export function openAudit({ policy, write, clock }: AuditParts): Audit {
  return {
    begin(request) {
      const extent = extentOf(policy, request);
      if (extent.level === "None") return undefined;
      const received = microTime(clock.now());
      const event = (stage: Stage, more: object) => {
        if (extent.omits.has(stage)) return;
        write(JSON.stringify({ ...eventOf(request, extent, stage), ...more, requestReceivedTimestamp: received, stageTimestamp: microTime(clock.now()) }));
      };
      const keepsResponse = extent.level === "RequestResponse";
      const keepsRequest = keepsResponse || extent.level === "Request";
      event("RequestReceived", {});
      return {
        keepsRequest,
        keepsResponse,
        started: (code) => event("ResponseStarted", { responseStatus: { metadata: {}, code } }),
        done(code, { request: asked, response } = {}) {
          event("ResponseComplete", {
            responseStatus: statusOf(code, response, keepsRequest),
            ...(keepsRequest && asked !== undefined ? { requestObject: shown(asked, extent) } : {}),
            ...(keepsResponse && response !== undefined ? { responseObject: shown(response, extent) } : {}),
          });
        },
      };
    },
  };
}

function eventOf({ id, uri, verb, user, authenticated, sourceIps, userAgent, resource }: AuditedRequest, { level }: Extent, stage: Stage): object {
  return {
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level,
    auditID: id,
    stage,
    requestURI: uri,
    verb,
    user: userInfo(authenticated),
    ...(authenticated === user ? {} : { impersonatedUser: userInfo(user) }),
    sourceIPs: sourceIps,
    ...(userAgent === undefined ? {} : { userAgent }),
    ...(resource === undefined
      ? {}
      : {
          objectRef: {
            resource: resource.plural,
            ...(resource.namespace === undefined ? {} : { namespace: resource.namespace }),
            ...(resource.name === undefined ? {} : { name: resource.name }),
            ...(resource.group === "" ? {} : { apiGroup: resource.group }),
            apiVersion: resource.version,
            ...(resource.subresource === undefined ? {} : { subresource: resource.subresource }),
          },
        }),
  };
}

const userInfo = ({ name, uid, groups, extra }: User) => ({ username: name, ...(uid === undefined ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) });

/** The message of a failure can quote what was sent: it is kept where bodies are. */
function statusOf(code: number, response: unknown, withMessage: boolean): object {
  const status = response as { readonly kind?: string; readonly status?: unknown; readonly message?: string; readonly reason?: string } | undefined;
  if (status?.kind !== "Status") return { metadata: {}, code };
  const { status: result, message, reason } = status;
  return { metadata: {}, status: result, ...(message === undefined || !withMessage ? {} : { message }), ...(reason === undefined ? {} : { reason }), code };
}

function shown(value: unknown, { omitManagedFields }: Extent): unknown {
  return omitManagedFields ? withoutManagedFields(value) : value;
}

function withoutManagedFields(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const { metadata, items } = value as { readonly metadata?: object; readonly items?: unknown };
  return {
    ...value,
    ...(metadata === undefined ? {} : { metadata: Object.fromEntries(Object.entries(metadata).filter(([name]) => name !== "managedFields")) }),
    ...(Array.isArray(items) ? { items: items.map(withoutManagedFields) } : {}),
  };
}

/** metav1.MicroTime: six digits of the second */
const microTime = (ms: number) => new Date(ms).toISOString().replace("Z", "000Z");

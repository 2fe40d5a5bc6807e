/** SelfSubjectReview (KEP-3325): who the server thinks the caller is. */
import { timestamp } from "../../api/clock.ts";
import type { AnyObject } from "../../api/meta.ts";
import type { User } from "../../api/user.ts";
import type { CreateHandler } from "../virtual.ts";

export const selfSubjectReview: CreateHandler = async ({ context, user, object }) =>
  ({
    kind: object.kind,
    apiVersion: object.apiVersion,
    metadata: { creationTimestamp: timestamp(context.clock.now()) },
    status: { userInfo: userInfo(user) },
  }) as AnyObject;

/** authentication.k8s.io/v1 UserInfo */
export function userInfo({ name, uid, groups, extra }: User): { readonly [field: string]: unknown } {
  return { username: name, ...(uid === undefined ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) };
}

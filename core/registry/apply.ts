/** Server-side apply (KEP-555). */
import type { Target, WriteOptions } from "../api/client.ts";
import type { Kind } from "../api/kinds.ts";
import type { AnyObject } from "../api/meta.ts";
import { ApiError } from "../api/status.ts";
import type { User } from "../api/user.ts";
import type { Context } from "./context.ts";

export interface ApplyRequest {
  readonly user: User;
  readonly kind: Kind;
  readonly target: Target;
  readonly options: WriteOptions;
  readonly applied: AnyObject;
  readonly force: boolean;
}

export async function apply(_context: Context, _request: ApplyRequest): Promise<{ readonly object: AnyObject; readonly created: boolean }> {
  throw new ApiError("UnsupportedMediaType", "server-side apply is not served");
}

/** Roles and bindings: their names may be anything that fits into a URL path. */
import type { KindHooks } from "../kinds.ts";

export const rbacHooks: KindHooks = { nameRule: "path", generation: "none" };

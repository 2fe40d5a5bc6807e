/** A registry over the memory store, as the tests of this folder need it: real kinds, an authorizer that allows, frozen objects. */
import type { AdmissionPlugin } from "../../core/admission/admission.ts";
import type { Lookup } from "../../core/admission/lookup.ts";
import type { Revise } from "../../core/admission/resource-quota.ts";
import { kindTable } from "../../core/api/kind-table.ts";
import { builtinKinds } from "../../core/api/kinds/built-in.ts";
import { builtInHooks } from "../../core/api/kinds/hooks.ts";
import type { User } from "../../core/api/user.ts";
import type { Authorizer } from "../../core/auth/auth.ts";
import type { OpenRegistry } from "../../core/registry/registry.ts";
import { openRegistry } from "../../core/registry/registry.ts";
import { memoryDriver } from "../../core/store/drivers/memory.ts";
import { openStore } from "../../core/store/open.ts";
import { virtualClock } from "../support/virtual-clock.ts";

export const admin: User = { name: "admin", groups: ["system:masters"] };

const allow: Authorizer = { authorize: async () => ({ allowed: true, reason: "" }) };

interface Setup extends Partial<Omit<OpenRegistry, "admission">> {
  readonly plugins?: (lookup: Lookup, revise: Revise) => readonly AdmissionPlugin[];
}

export async function setup({ plugins = () => [], ...options }: Setup = {}) {
  const clock = virtualClock();
  const store = await openStore(memoryDriver(), { clock });
  const registry = openRegistry({
    store,
    kinds: kindTable(builtinKinds(builtInHooks)),
    authorizer: allow,
    clock,
    freeze: true,
    ...options,
    admission: plugins,
  });
  return { clock, store, registry, client: registry.clientFor(admin) };
}

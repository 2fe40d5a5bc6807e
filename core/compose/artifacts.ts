/** The server's registry and component store, mounted beside the API under the same rules (RBAC on paths). */
import { join } from "node:path";
import { transpile, TRANSPILER } from "../../wasm-runtime/transpile.ts";
import { moduleSigner } from "../../wasm-runtime/sign.ts";
import type { Clock } from "../api/clock.ts";
import type { Log } from "../api/log.ts";
import { ApiError } from "../api/status.ts";
import type { User } from "../api/user.ts";
import { componentStore } from "../artifacts/component-store.ts";
import { MODULES_PATH, modulesHandler } from "../artifacts/modules-http.ts";
import { ociClient } from "../artifacts/oci-client.ts";
import { readRegistries, REGISTRIES_FILE } from "../artifacts/registries.ts";
import { ociRegistry } from "../artifacts/registry.ts";
import type { Authorizer } from "../auth/auth.ts";
import type { Pki } from "../auth/pki/pki.ts";
import type { Mount } from "../http/services.ts";

export interface ArtifactParts {
  readonly dataDir: string;
  readonly pki: Pki;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly log: Log;
}

export function artifactMounts({ dataDir, pki, authorizer, clock, log }: ArtifactParts): readonly Mount[] {
  const directory = join(dataDir, "artifacts");
  const registry = ociRegistry({ directory });
  const store = componentStore({
    directory,
    registry,
    client: ociClient(readRegistries(join(dataDir, REGISTRIES_FILE))),
    // who is a part of what is decided where the pod is known
    transpile: (component) => transpile(component, { parts: true }),
    transpiler: TRANSPILER,
    sign: moduleSigner(pki.componentKey.export({ type: "pkcs8", format: "pem" }).toString()),
    log: log.child({ part: "components" }),
  });
  return [
    { prefix: "/v2/", handler: guarded(authorizer, registry.handle) },
    { prefix: `${MODULES_PATH}/`, handler: guarded(authorizer, modulesHandler({ store, clock })) },
  ];
}

type Handler = Mount["handler"];

/** RBAC on the path, as for every other page of the server. */
function guarded(authorizer: Authorizer, handler: Handler): Handler {
  return async (request: Request, user: User) => {
    const path = new URL(request.url).pathname;
    const verb = request.method.toLowerCase();
    const decision = await authorizer.authorize({ user, verb, path });
    if (!decision.allowed) throw new ApiError("Forbidden", `forbidden: User "${user.name}" cannot ${verb} path "${path}"`);
    return handler(request, user);
  };
}

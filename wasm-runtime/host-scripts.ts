import { NETWORK_SCRIPT } from "./host/spec.ts";

/** of a component's own process */
export const SCRIPT = "host.cjs";
/** of a process that components share */
export const SHARED_SCRIPT = "shared.cjs";

/** script → the module it begins with */
export const SCRIPTS: Readonly<Record<string, string>> = { [SCRIPT]: "host/main.ts", [SHARED_SCRIPT]: "host/shared.ts", [NETWORK_SCRIPT]: "host/net-worker.ts" };
